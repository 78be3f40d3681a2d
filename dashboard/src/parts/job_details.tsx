/** The details of a job: alarms, result and log. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { missing, reach, refusal } from "../api/http";
import type { Job, JobAlarm, Model } from "../api/types";
import { useRecord } from "../live/poll";
import { Repeated } from "../live/repeat";
import { ended } from "../logic/jobs";
import { short } from "../logic/numbers";
import { flat } from "../logic/options";
import { to, withQuery } from "../route";
import { Facts } from "./bits";
import { Longer } from "./longer";
import { Measures } from "./measures";
import { Promote } from "./promote";

const SECONDS = 4;

export function Alarms({ alarms }: { alarms: JobAlarm[] }): JSX.Element | null {
  if (!alarms.length) return null;
  return (
    <ul class="alarms" aria-label="Alarms">
      {alarms.map((alarm) => (
        <li key={`${alarm.step}-${alarm.kind}`} class="note warn">
          {alarm.message} <small>Step {short(alarm.step)}.</small>
        </li>
      ))}
    </ul>
  );
}

/** What a job has brought, or why it failed. */
export function Outcome({ job }: { job: Job }): JSX.Element | null {
  if (job.error) {
    return (
      <div class="note bad" role="alert">
        <strong>{job.error.title}.</strong> {job.error.detail}
        {job.error.errors?.map((one) => (
          <div key={one.pointer ?? one.file}>
            {one.file} {one.detail ?? one.message}
          </div>
        ))}
      </div>
    );
  }
  const { model, version, dataset } = job.output ?? {};
  if (model && version) {
    return (
      <>
        <Made job={job} model={String(model)} version={Number(version)} />
        <Measures metrics={job.output?.metrics} />
      </>
    );
  }
  if (dataset) {
    return (
      <div class="note row apart">
        <span>The data set is ready.</span>
        <a class="button primary" href={to("data", String(dataset))}>
          Look at it
        </a>
      </div>
    );
  }
  if (job.kind === "train" || !job.output) return null;
  return (
    <section class="card">
      <h2>Result</h2>
      <Facts rows={Object.entries(flat(job.output))} />
    </section>
  );
}

function Made(props: { job: Job; model: string; version: number }): JSX.Element {
  const { job, model, version } = props;
  const known = useRecord<Model>(`/v1/models/${model}/versions/${version}`);
  const longer = job.kind === "train" && <Longer job={job} />;
  if (missing(known.error)) {
    return (
      <div class="note row apart">
        <span>
          <strong>{model}</strong>, version {version}, has been deleted.
        </span>
        {longer}
      </div>
    );
  }
  return (
    <div class="note row apart">
      <span>
        {job.kind === "evaluate" ? "Measured" : "This is"}{" "}
        <a href={to("models", model)}>
          <strong>{model}</strong>, version {version}
        </a>
        .
      </span>
      <Uses model={model} version={version}>
        {longer}
      </Uses>
    </div>
  );
}

function Uses(props: { model: string; version: number; children: ComponentChildren }): JSX.Element {
  const { model, version, children } = props;
  const reference = `${model}@${version}`;
  return (
    <span class="row">
      {children}
      <Promote model={model} version={version} />
      <a class="button" href={withQuery(to("gallery"), { model: reference })}>
        Gallery
      </a>
      <a class="button primary" href={withQuery(to("play"), { model: reference })}>
        Play with it
      </a>
    </span>
  );
}

/** The end of the log, read while it is open. */
export function Log({ job }: { job: Job }): JSX.Element {
  const [open, turn] = useState(job.state === "failed");
  const [text, show] = useState("");
  useEffect(() => {
    if (!open) return;
    const read = async (signal: AbortSignal) => {
      const answer = await reach(`/v1/jobs/${job.id}/log`, { signal });
      if (!answer.ok) throw await refusal(answer);
      return answer.text();
    };
    const repeated = new Repeated(async (signal) => {
      await read(signal).then(show, () => undefined);
      return ended(job) ? 0 : SECONDS;
    });
    return () => repeated.stop();
  }, [open, job.id, job.state]);
  return (
    <details class="card" open={open} onToggle={(event) => turn(event.currentTarget.open)}>
      <summary>Log</summary>
      <pre class="log" tabIndex={0}>
        {text || (ended(job) ? "Nothing was written." : "Nothing was written yet.")}
      </pre>
    </details>
  );
}
