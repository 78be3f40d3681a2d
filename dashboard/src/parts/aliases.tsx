/** Where the aliases of a model point, and back to where they pointed before. */
import type { JSX } from "preact";
import { send } from "../api/http";
import type { Alias } from "../api/types";
import { When } from "./bits";
import { tried } from "./toasts";

export function Aliases(props: { aliases: Alias[]; changed: () => void }): JSX.Element {
  const movable = props.aliases.filter(({ alias }) => alias !== "latest");
  return (
    <section class="card">
      <h2>Aliases</h2>
      {movable.length === 0 && (
        <p class="quiet">
          None. Promote a version, and whoever asks for <code>name@stable</code> gets that one until
          you promote another.
        </p>
      )}
      <ul class="lines">
        {movable.map((alias) => (
          <Line key={alias.alias} alias={alias} changed={props.changed} />
        ))}
      </ul>
    </section>
  );
}

function Line({ alias: known, changed }: { alias: Alias; changed: () => void }): JSX.Element {
  const { model, alias, version, etag, history } = known;
  const own = `/v1/models/${model}/aliases/${alias}`;
  const seen = { "If-Match": etag };
  const back = async () => {
    const work = send("POST", `${own}/rollback`, undefined, seen);
    if (await tried(work, `${model}@${alias} is what it was before.`)) changed();
  };
  const remove = async () => {
    if (!confirm(`Remove ${alias}? Whoever asks for ${model}@${alias} gets nothing then.`)) return;
    const work = send("DELETE", own, undefined, seen);
    if (await tried(work, `${alias} is removed; the version stays.`)) changed();
  };
  return (
    <li>
      <span class="grow">
        <span class="tag accent" title={alias}>
          {alias}
        </span>{" "}
        is version {version}{" "}
        <span class="quiet">
          since <When time={history[0]?.at} />
        </span>
      </span>
      {history.some((move) => move.from !== null && move.from !== version) && (
        <button type="button" onClick={() => void back()}>
          Roll back
        </button>
      )}
      <button class="bare danger" type="button" onClick={() => void remove()}>
        Remove
      </button>
    </li>
  );
}
