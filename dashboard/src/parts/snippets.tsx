/** The image that is shown as a request that one can take along. */
import type { JSX } from "preact";
import { asCurl, asPython, type Wish } from "../logic/images";
import { withQuery } from "../route";
import { Copy } from "./bits";

export function Snippets({ wish, address }: { wish: Wish; address: string }): JSX.Element {
  const plain = address.startsWith("/v1/generate") && !/[?&](blend|direction)=/.test(address);
  const origin = location.origin;
  return (
    <>
      <Copy text={origin + address} what="URL" />
      <Copy text={asCurl(origin + address)} what="curl" />
      <Copy text={plain ? asPython(origin, wish) : pythonOf(origin + address)} what="Python" />
      <a class="button" href={withQuery(address, { download: 1 })}>
        Save
      </a>
    </>
  );
}

function pythonOf(address: string): string {
  return [
    "import httpx",
    "",
    `answer = httpx.get(${JSON.stringify(address)}).raise_for_status()`,
    'open("image.png", "wb").write(answer.content)',
  ].join("\n");
}
