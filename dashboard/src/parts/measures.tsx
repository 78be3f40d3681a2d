/** What an evaluation has measured, beside what real images would reach. */
import type { JSX } from "preact";
import type { Catalogue } from "../api/catalogue";
import { useRecord } from "../live/poll";
import { plainly } from "../logic/jobs";
import { measuresOf } from "../logic/measures";
import { short } from "../logic/numbers";

export function Measures({ metrics }: { metrics: unknown }): JSX.Element | null {
  const rows = measuresOf(metrics);
  const { data: catalogue } = useRecord<Catalogue>(rows.length ? "/v1/catalogue" : null);
  if (!rows.length) return null;
  return (
    <section class="card">
      <header>
        <h2>What was measured</h2>
        <span class="quiet">
          beside the same figures of real images: as near as a model can come
        </span>
      </header>
      <div class="scroll" tabIndex={0} role="region" aria-label="Measured, one a row">
        <table class="fits">
          <thead>
            <tr>
              <th scope="col">Figure</th>
              {["The model", "Spread", "Real images"].map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, value, spread, floor }) => (
              <tr key={name}>
                <td>
                  {plainly(name)}
                  <Meaning metric={catalogue?.metrics[name]} />
                </td>
                <td class="number">{short(value)}</td>
                <td class="number quiet">± {short(spread)}</td>
                <td class="number">{short(floor)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const BETTER: Record<string, string> = {
  lower: "Less is better.",
  higher: "More is better.",
  floor: "Better the nearer to real images.",
};

/** What the worker says of a metric. */
function Meaning(props: { metric: Catalogue["metrics"][string] | undefined }): JSX.Element | null {
  const { metric } = props;
  if (!metric) return null;
  return (
    <small class="quiet meaning">
      {metric.summary} {BETTER[metric.better]}
    </small>
  );
}
