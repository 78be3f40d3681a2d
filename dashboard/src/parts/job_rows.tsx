/** A short list of jobs, one line each. */
import type { JSX } from "preact";
import type { Job } from "../api/types";
import { ended, KINDS, subject } from "../logic/jobs";
import { percent } from "../logic/numbers";
import { to } from "../route";
import { Bar, State, When } from "./bits";

export function JobRows({ jobs }: { jobs: Job[] }): JSX.Element {
  return (
    <ul class="lines">
      {jobs.map((job) => (
        <li key={job.id}>
          <a class="grow" href={to("jobs", job.id)}>
            <strong>{subject(job)}</strong> <span class="quiet">{KINDS[job.kind]}</span>
          </a>
          {!ended(job) && job.state !== "queued" && (
            <Bar value={job.progress.value} state={job.state} label={percent(job.progress.value)} />
          )}
          <State name={job.state} />
          <span class="quiet side-note">
            <When time={job.finished_at ?? job.created_at} />
          </span>
        </li>
      ))}
    </ul>
  );
}
