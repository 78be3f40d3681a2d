/** The details of a job: alarms, options, checkpoints, result and log. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask, reach } from "../api/http";
import type { Job, JobCheckpoint } from "../api/types";
import type { AlarmRecord } from "../live/training";
import { ended } from "../logic/jobs";
import { bytes, short } from "../logic/numbers";
import { flat, written } from "../logic/options";
import { to, withQuery } from "../route";
import { Empty, Facts, Failure } from "./bits";
import { Longer } from "./longer";
import { Measures } from "./measures";
import { Promote } from "./promote";

const LOG_MS = 4000;

export function Alarms({ alarms }: { alarms: AlarmRecord[] }): JSX.Element | null {
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
  const reference = `${model}@${version}`;
  return (
    <div class="note row apart">
      <span>
        {job.kind === "evaluate" ? "Measured" : "This is"}{" "}
        <a href={to("models", model)}>
          <strong>{model}</strong>, version {version}
        </a>
        .
      </span>
      <span class="row">
        {job.kind === "train" && <Longer job={job} />}
        <Promote model={model} version={version} />
        <a class="button" href={withQuery(to("gallery"), { model: reference })}>
          Gallery
        </a>
        <a class="button primary" href={withQuery(to("play"), { model: reference })}>
          Play with it
        </a>
      </span>
    </div>
  );
}

/** Every choice, those that were asked for first. */
export function Options({ job }: { job: Job }): JSX.Element {
  const asked = (job.input.options ?? {}) as Record<string, unknown>;
  const all = flat(job.resolved ?? {});
  const own = Object.entries(asked).map(([name, value]): [string, string] => [
    name,
    written(value),
  ]);
  const rest = Object.entries(all).filter(([name]) => !(name in asked));
  return (
    <section class="card">
      <header>
        <h2>Options</h2>
        <span class="quiet">preset {String(job.input.preset ?? "auto")}</span>
      </header>
      {own.length ? (
        <>
          <p class="quiet">Set against the preset:</p>
          <Facts rows={own} />
        </>
      ) : (
        <p class="quiet">Everything is as the preset and your images have it.</p>
      )}
      {rest.length > 0 && (
        <details>
          <summary>All {rest.length} choices that were made</summary>
          <Facts rows={rest} />
        </details>
      )}
    </section>
  );
}

export function Checkpoints({ job, turn }: { job: Job; turn: number }): JSX.Element {
  const [found, show] = useState<JobCheckpoint[] | undefined>();
  const [error, fail] = useState<unknown>();
  useEffect(() => {
    ask<{ data: JobCheckpoint[] }>(`/v1/jobs/${job.id}/checkpoints`).then(
      (list) => show(list.data),
      fail,
    );
  }, [job.id, job.state, turn]);
  return (
    <section class="card">
      <h2>Checkpoints</h2>
      <Failure error={error} />
      {found?.length === 0 && (
        <Empty icon="models" title={ended(job) ? "None were saved" : "None yet"}>
          {!ended(job) && <p>A state is saved every minute; each can be tried at once.</p>}
        </Empty>
      )}
      {!!found?.length && (
        <table>
          <tbody>
            {found.map((checkpoint) => (
              <tr key={checkpoint.step}>
                <td>Step {short(checkpoint.step)}</td>
                <td class="number">{short(checkpoint.kimg * 1000)} images</td>
                <td class="number quiet">{bytes(checkpoint.bytes)}</td>
                <td class="number">
                  {checkpoint.model && (
                    <a href={withQuery(to("play"), { model: checkpoint.model, seed: 0 })}>Try it</a>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** The end of the log, read while it is open. */
export function Log({ job }: { job: Job }): JSX.Element {
  const [open, turn] = useState(job.state === "failed");
  const [text, show] = useState("");
  useEffect(() => {
    if (!open) return;
    const read = () =>
      void reach(`/v1/jobs/${job.id}/log`)
        .then((answer) => answer.text())
        .then(show, () => undefined);
    read();
    if (ended(job)) return;
    const timer = window.setInterval(read, LOG_MS);
    return () => clearInterval(timer);
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
