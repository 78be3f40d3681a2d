/** Lets an alias point at a version, and back again. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { send } from "../api/http";
import { tried } from "./toasts";

const USUAL = "stable";
const ALIAS = "[a-z0-9_\\-]*[a-z_\\-][a-z0-9_\\-]*";

export function Promote(props: {
  model: string;
  version: number;
  changed?: () => void;
}): JSX.Element {
  const { model, version, changed } = props;
  const [asking, ask] = useState(false);
  const [alias, name] = useState(USUAL);
  const promote = async (event: Event) => {
    event.preventDefault();
    const address = `/v1/models/${model}/aliases/${encodeURIComponent(alias)}`;
    const done = `${model}@${alias} is version ${version} from now on.`;
    if (await tried(send("PUT", address, { version }), done)) {
      ask(false);
      changed?.();
    }
  };
  if (!asking) {
    return (
      <button type="button" onClick={() => ask(true)}>
        Promote
      </button>
    );
  }
  return (
    <form class="row" onSubmit={(event) => void promote(event)}>
      <Name alias={alias} change={name} />
      <button class="primary" type="submit">
        Promote
      </button>
      <button class="bare" type="button" onClick={() => ask(false)}>
        Not now
      </button>
    </form>
  );
}

function Name(props: { alias: string; change: (alias: string) => void }): JSX.Element {
  return (
    <input
      aria-label="Alias"
      class="short"
      value={props.alias}
      pattern={ALIAS}
      maxLength={64}
      required
      title="a-z, 0-9, _ and -, and not only digits"
      onInput={(event) => props.change(event.currentTarget.value)}
    />
  );
}
