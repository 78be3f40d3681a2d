/** Lets an alias point at a version, and back again. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { send } from "../api/http";
import { tried } from "./toasts";
import { Unfold } from "./unfold";

const USUAL = "stable";
const ALIAS = "[a-z0-9_\\-]*[a-z_\\-][a-z0-9_\\-]*";

interface Props {
  model: string;
  version: number;
  changed?: () => void;
}

export function Promote(props: Props): JSX.Element {
  return <Unfold name="Promote">{(fold) => <Form {...props} fold={fold} />}</Unfold>;
}

function Form({ model, version, changed, fold }: Props & { fold: () => void }): JSX.Element {
  const [alias, name] = useState(USUAL);
  const promote = async (event: Event) => {
    event.preventDefault();
    const address = `/v1/models/${model}/aliases/${encodeURIComponent(alias)}`;
    const done = `${model}@${alias} is version ${version} from now on.`;
    if (!(await tried(send("PUT", address, { version }), done))) return;
    fold();
    changed?.();
  };
  return (
    <form class="row" onSubmit={(event) => void promote(event)}>
      <input
        aria-label="Alias"
        class="short"
        value={alias}
        pattern={ALIAS}
        maxLength={64}
        required
        title="a-z, 0-9, _ and -, and not only digits"
        onInput={(event) => name(event.currentTarget.value)}
      />
      <button class="primary" type="submit">
        Promote
      </button>
      <button class="bare" type="button" onClick={fold}>
        Not now
      </button>
    </form>
  );
}
