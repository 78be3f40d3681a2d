/** The options of a training, and who chose each: the order, the preset, or Ganvas for these images. */
import type { JSX } from "preact";
import type { Catalogue } from "../api/catalogue";
import type { Job } from "../api/types";
import { useRecord } from "../live/poll";
import { plainly } from "../logic/jobs";
import { choicesOf, flat, presetOf, type Chosen } from "../logic/options";
import { Facts } from "./bits";

const ORIGINS = {
  asked: "asked for",
  preset: "preset",
  model: "of the model",
  automatic: "automatic",
} as const;

export function Options({ job }: { job: Job }): JSX.Element {
  const { data: catalogue } = useRecord<Catalogue>("/v1/catalogue");
  const preset = presetOf(job, catalogue);
  const { told, usual } = choicesOf(job, preset?.options ?? {}, catalogue?.options.properties);
  const { options: _, recipe: __, architecture: ___, ...rest } = job.resolved ?? {};
  return (
    <section class="card">
      <header>
        <h2>Options</h2>
        <span class="quiet">
          preset {String(job.input.preset ?? "auto")}
          {preset && preset.name !== job.input.preset && `, here ${preset.name}`}
        </span>
      </header>
      {told.length ? (
        <OptionTable rows={told} label="Options that differ" />
      ) : (
        <p class="quiet">Nothing is chosen yet.</p>
      )}
      {usual.length > 0 && (
        <details>
          <summary>
            {usual.length} {catalogue ? "options at their defaults" : "further options"}
          </summary>
          <OptionTable rows={usual} label="The other options" />
        </details>
      )}
      {job.resolved && (
        <details>
          <summary>Networks, data and machine</summary>
          <Facts rows={Object.entries(flat(rest))} />
        </details>
      )}
    </section>
  );
}

function OptionTable({ rows, label }: { rows: Chosen[]; label: string }): JSX.Element {
  return (
    <table aria-label={label}>
      <tbody>
        {rows.map(({ name, value, origin, instead }) => (
          <tr key={name}>
            <th scope="row">{plainly(name)}</th>
            <td class="break numbers">
              {value} {instead !== undefined && <small class="quiet">instead of {instead}</small>}
            </td>
            <td class="number">
              <span class={`pill origin ${origin}`}>{ORIGINS[origin]}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
