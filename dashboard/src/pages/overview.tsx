/** What is going on now: trainings with their newest images, workers, queues, room, models. */
import type { JSX } from "preact";
import type { Job, Model, Page, Storage } from "../api/types";
import { useNewest } from "../live/news";
import { useRecord } from "../live/poll";
import { useCounters } from "../live/traffic";
import { useWorkers } from "../live/workers";
import { bytes } from "../logic/numbers";
import { by, type Measured } from "../logic/prometheus";
import { Empty, Figure, When } from "../parts/bits";
import { JobRows } from "../parts/job_rows";
import { RunningJob } from "../parts/running_job";
import { SeedImage } from "../parts/seed_image";
import { startSprites } from "../parts/start";
import { TrafficFigures } from "../parts/traffic";
import { Workers } from "../parts/workers";
import { to, withQuery } from "../route";

const MOST_SHOWN = 6; // trainings with their images

export function Overview(): JSX.Element {
  const running = useNewest("/v1/jobs?view=short&state=running&limit=50");
  const recent = useNewest("/v1/jobs?view=short&limit=8");
  const models = useRecord<Page<Model>>("/v1/models?limit=6", 10);
  const workers = useWorkers();
  const { newest, readings } = useCounters();
  const storage = useRecord<Storage>("/v1/storage", 20);
  const living = workers?.filter(({ gone }) => gone === null);
  const trainings = running?.filter((job) => job.kind === "train") ?? [];
  const fresh = recent?.length === 0 && models.data?.data.length === 0;
  const asked = recent && (models.data || models.error); // else all would jump
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
        {!!asked && (
          <>
            <Numbers workers={living?.length} counted={newest} storage={storage.data} />
            <TrafficFigures readings={readings} />
          </>
        )}
        {trainings.slice(0, MOST_SHOWN).map((job) => (
          <RunningJob key={job.id} job={job} />
        ))}
        {!!models.data?.data.length && <Newest models={models.data.data} />}
        {!!recent?.length && <Recent jobs={recent} />}
        {!!asked && <Workers workers={workers} jobs={running ?? []} />}
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
  workers: number | undefined;
  counted: Measured[];
  storage: Storage | undefined;
}): JSX.Element {
  const { counted } = props;
  const waiting = Object.values(by(counted, "ganvas_jobs_waiting", "queue"));
  const incidents = Object.values(by(counted, "ganvas_incidents_total", "kind"));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return (
    <dl class="figures">
      <Figure name="Workers">{props.workers ?? "–"}</Figure>
      <Figure name="Waiting jobs">{counted.length ? sum(waiting) : "–"}</Figure>
      <Figure name="Incidents survived">{counted.length ? sum(incidents) : "–"}</Figure>
      <Figure name="Free disk">
        {bytes(props.storage?.disk.free)} <small>{bytes(props.storage?.total)} used</small>
      </Figure>
    </dl>
  );
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
