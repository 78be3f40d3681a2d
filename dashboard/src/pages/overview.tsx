/** What is going on now: trainings with their newest images, workers, queues, room, models. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { reach } from "../api/http";
import type { Job, Model, Page, Storage, WorkerInfo } from "../api/types";
import { useRecord } from "../live/poll";
import { bytes, plural } from "../logic/numbers";
import { by, measured, type Measured } from "../logic/prometheus";
import { Empty, Figure, When } from "../parts/bits";
import { JobRows } from "../parts/job_rows";
import { RunningJob } from "../parts/running_job";
import { SeedImage } from "../parts/seed_image";
import { startSprites } from "../parts/start";
import { to, withQuery } from "../route";

export function Overview(): JSX.Element {
  const running = useRecord<Page<Job>>("/v1/jobs?state=running&kind=train&limit=6", 3);
  const recent = useRecord<Page<Job>>("/v1/jobs?limit=8", 4);
  const models = useRecord<Page<Model>>("/v1/models?limit=6", 10);
  const workers = useRecord<Page<WorkerInfo>>("/v1/workers", 4);
  const storage = useRecord<Storage>("/v1/storage", 20);
  const asked = [recent, models].every(({ data, error }) => data || error); // else all would jump
  const fresh = recent.data?.data.length === 0 && models.data?.data.length === 0;
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        <div class="actions">
          <a class="button primary" href={to("train")}>
            New training
          </a>
        </div>
      </div>
      <div class="stack">
        {fresh && <Welcome />}
        {asked && <Numbers workers={workers.data?.data} storage={storage.data} />}
        {running.data?.data.map((job) => (
          <RunningJob key={job.id} job={job} />
        ))}
        {!!models.data?.data.length && <Newest models={models.data.data} />}
        <div class="columns">
          {!!recent.data?.data.length && <Recent jobs={recent.data.data} />}
          {asked && <Workers workers={workers.data?.data} />}
        </div>
      </div>
    </>
  );
}

function Welcome(): JSX.Element {
  return (
    <div class="card">
      <Empty icon="train" title="Nothing has been trained here yet">
        <p>
          A first model takes five minutes: of creatures that Ganvas draws itself, while you watch.
          Or begin with a folder of your own images.
        </p>
        <div class="row">
          <button class="primary" type="button" onClick={() => void startSprites(5)}>
            Train on the creatures
          </button>
          <a class="button" href={to("train")}>
            Use my own images
          </a>
        </div>
      </Empty>
    </div>
  );
}

function Numbers(props: {
  workers: WorkerInfo[] | undefined;
  storage: Storage | undefined;
}): JSX.Element {
  const counted = useCounters();
  const waiting = Object.values(by(counted, "ganvas_jobs_waiting", "queue"));
  const incidents = Object.values(by(counted, "ganvas_incidents_total", "kind"));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return (
    <dl class="figures">
      <Figure name="Workers">{props.workers?.length ?? "–"}</Figure>
      <Figure name="Waiting jobs">{counted.length ? sum(waiting) : "–"}</Figure>
      <Figure name="Incidents survived">{counted.length ? sum(incidents) : "–"}</Figure>
      <Figure name="Free disk">
        {bytes(props.storage?.disk.free)} <small>{bytes(props.storage?.total)} used</small>
      </Figure>
    </dl>
  );
}

/** GET /metrics again and again. */
function useCounters(): Measured[] {
  const [found, show] = useState<Measured[]>([]);
  useEffect(() => {
    const read = () =>
      void reach("/metrics")
        .then((answer) => answer.text())
        .then(
          (text) => show(measured(text)),
          () => undefined,
        );
    read();
    const timer = window.setInterval(() => document.hidden || read(), 5000);
    return () => clearInterval(timer);
  }, []);
  return found;
}

function Newest({ models }: { models: Model[] }): JSX.Element {
  const model = models[0]!;
  return (
    <section class="card" aria-label="Newest model">
      <header>
        <h2>
          <a href={to("models", model.name)}>{model.name}</a>{" "}
          <span class="quiet">version {model.version}</span>
        </h2>
        <span class="quiet">
          <When time={model.created_at} />
        </span>
        <div class="actions">
          <a
            class="button"
            href={withQuery(to("play"), { model: `${model.name}@${model.version}` })}
          >
            Play
          </a>
          <a class="button" href={withQuery(to("gallery"), { model: model.name })}>
            Gallery
          </a>
        </div>
      </header>
      <div class="strip one">
        {Array.from({ length: 10 }, (_, seed) => (
          <SeedImage key={seed} model={model} seed={String(seed)} />
        ))}
      </div>
    </section>
  );
}

function Recent({ jobs }: { jobs: Job[] }): JSX.Element {
  return (
    <section class="card">
      <header>
        <h2>Latest jobs</h2>
        <div class="actions">
          <a href={to("jobs")}>All jobs</a>
        </div>
      </header>
      <JobRows jobs={jobs} />
    </section>
  );
}

function Workers({ workers }: { workers: WorkerInfo[] | undefined }): JSX.Element {
  return (
    <section class="card">
      <h2>Workers</h2>
      {workers?.length === 0 && (
        <p class="note warn">
          No worker is alive: jobs wait. <code>ganvas up</code> starts them all.
        </p>
      )}
      {!!workers?.length && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Workers, one a row">
          <table>
            <thead>
              <tr>
                <th scope="col">Work</th>
                <th scope="col">Device</th>
                <th scope="col">Memory</th>
                <th scope="col">Models</th>
                <th scope="col">Host</th>
                <th scope="col">Since</th>
              </tr>
            </thead>
            <tbody>
              {workers.map((worker) => (
                <Worker key={worker.id} worker={worker} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {workers && <p class="unseen">{plural(workers.length, "worker")}</p>}
    </section>
  );
}

function Worker({ worker }: { worker: WorkerInfo }): JSX.Element {
  return (
    <tr>
      <td title={worker.id}>{worker.queues.join(", ")}</td>
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
