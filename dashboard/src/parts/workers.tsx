/** The workers, one a row: what each is, what it is at, and when it was heard. */
import type { JSX } from "preact";
import type { Job } from "../api/types";
import { subject } from "../logic/jobs";
import { bytes, plural } from "../logic/numbers";
import { heard, jobsOf, type Seen } from "../logic/workers";
import { to } from "../route";
import { When } from "./bits";

const COLUMNS = ["Work", "At", "Heartbeat", "Device", "Memory", "Models", "Host", "Since"];

interface Props {
  workers: Seen[] | undefined;
  jobs: Job[]; // that run
}

export function Workers({ workers, jobs }: Props): JSX.Element {
  const living = workers?.filter(({ gone }) => gone === null);
  return (
    <section class="card">
      <h2>Workers</h2>
      {living?.length === 0 && (
        <p class="note warn">
          No worker is alive: jobs wait. <code>ganvas up</code> starts them all.
        </p>
      )}
      {!!workers?.length && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Workers, one a row">
          <table>
            <thead>
              <tr>
                {COLUMNS.map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {workers.map((seen) => (
                <Row key={seen.worker.id} seen={seen} jobs={jobsOf(seen.worker, jobs)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {living && <p class="unseen">{plural(living.length, "worker")}</p>}
    </section>
  );
}

function Row({ seen, jobs }: { seen: Seen; jobs: Job[] }): JSX.Element {
  const { worker, gone } = seen;
  const { words, late } = heard(seen, Date.now());
  return (
    <tr class={gone === null ? "" : "gone"}>
      <td title={worker.id}>{worker.queues.join(", ")}</td>
      <td>
        {jobs.map((job) => (
          <a key={job.id} href={to("jobs", job.id)}>
            {subject(job)}{" "}
          </a>
        ))}
        {!jobs.length && <span class="quiet">–</span>}
      </td>
      <td class={late ? "late" : "quiet numbers"}>{words}</td>
      <td>{worker.device ?? "–"}</td>
      <td>{bytes(worker.memory)}</td>
      <td>{worker.queues.includes("generate") ? worker.loaded.length : "–"}</td>
      <td class="break">
        {worker.host} <span class="quiet">{worker.pid}</span>
      </td>
      <td>
        <When time={worker.started_at} />
      </td>
    </tr>
  );
}
