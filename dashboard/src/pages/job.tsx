/** One job: what it is doing, and of a training its images over time, curves, options and states. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Job, Sample } from "../api/types";
import { useTraining, type Training } from "../live/training";
import { view } from "../live/view";
import { ended, KINDS, reasonOf, subject } from "../logic/jobs";
import { percent, short } from "../logic/numbers";
import { commonAxis, momentOf, momentText } from "../logic/samples";
import { duration, secondsBetween } from "../logic/time";
import { Bar, Figure, State, Unknown, When } from "../parts/bits";
import { Checkpoints } from "../parts/checkpoints";
import { Curves } from "../parts/curves";
import { JobActions, Reorder } from "../parts/job_actions";
import { Alarms, Log, Outcome } from "../parts/job_details";
import { Options } from "../parts/option_list";
import { Reals } from "../parts/reals";
import { usePlace, Watch } from "../parts/watch";
import { go, to, withQuery } from "../route";
import { useCell } from "../state";

export function JobPage({ id }: { id: string }): JSX.Element {
  const [training, changed] = useTraining(id);
  const { job, error } = training;
  if (!job) return <Unknown what="job" list="jobs" error={error} />;
  return (
    <>
      <Head job={job} way={training.way} changed={changed} />
      <div class="stack">
        <Course job={job} />
        <Outcome job={job} />
        <Alarms alarms={training.alarms} />
        {job.kind === "train" && <TrainingParts training={training} job={job} />}
        <Log job={job} />
      </div>
    </>
  );
}

function Head(props: { job: Job; way: string; changed: (job: Job) => void }): JSX.Element {
  const { job, way, changed } = props;
  return (
    <div class="head">
      <h1>{subject(job)}</h1>
      <State name={job.state} />
      <span class="quiet">
        {KINDS[job.kind]} · <span class="mono">{job.id}</span>
        {job.attempt > 1 && ` · attempt ${job.attempt}`}
        {!ended(job) && way === "poll" && " · asked every 2 s, as no stream comes through"}
      </span>
      <div class="actions">
        {job.kind === "train" && !!job.input.dataset_id && (
          <a class="button" href={withQuery(to("train"), { like: job.id })}>
            Another like it
          </a>
        )}
        <Reorder job={job} changed={changed} />
        <JobActions job={job} changed={changed} />
      </div>
    </div>
  );
}

function Course({ job }: { job: Job }): JSX.Element {
  const { progress } = job;
  const took = secondsBetween(job.started_at, job.finished_at);
  return (
    <section class="stack tight" aria-label="Progress">
      {!ended(job) && <Bar value={progress.value} state={job.state} label="Progress" />}
      <dl class="figures">
        <Standing job={job} />
        {job.kind === "train" && (
          <>
            <Figure name="Step">{short(progress.step)}</Figure>
            <Figure name="Images shown">{short((progress.kimg ?? 0) * 1000)}</Figure>
            {!ended(job) && <Figure name="Images/s">{short(progress.images_per_second)}</Figure>}
          </>
        )}
        <Figure name={ended(job) ? "Took" : "Running for"}>{duration(took)}</Figure>
        {!ended(job) && <Figure name="Left">{duration(progress.eta_seconds)}</Figure>}
      </dl>
      {job.reason && !job.error && <p class="note">{reasonOf(job)}</p>}
    </section>
  );
}

/** When it ended, how far it is, or when its turn comes. */
function Standing({ job }: { job: Job }): JSX.Element {
  if (ended(job)) {
    return (
      <Figure name="Ended">
        <When time={job.finished_at} />
      </Figure>
    );
  }
  if (job.state === "queued")
    return <Figure name="Place in the queue">{(job.queue_position ?? 0) + 1}</Figure>;
  return (
    <Figure name="Done">
      {percent(job.progress.value)} {job.phase && <small>{job.phase}</small>}
    </Figure>
  );
}

function TrainingParts({ training, job }: { training: Training; job: Job }): JSX.Element {
  const { samples, series, labels } = training;
  const axis = commonAxis([samples], useCell(view).axis);
  const [place, move] = usePlace(samples);
  const sources = useMemo(() => [{ name: subject(job), series }], [series, subject(job)]);
  const told = (sample: Sample) => momentText(momentOf(sample, axis) ?? 0, axis);
  const model = playable(job);
  const open = (seed: number) => go(withQuery(to("play"), { model, seed, label: labels?.[seed] }));
  return (
    <>
      <div class="watch">
        <section class="card" aria-label="Images over time">
          <header>
            <h2>What it makes</h2>
            <span class="quiet">seeds 0 to 63, always the same</span>
          </header>
          <Watch none={unseen(job)} {...{ samples, labels, place, move, told, open }} />
        </section>
        <Reals job={job} />
      </div>
      <Curves
        sources={sources}
        moment={place < samples.length - 1 ? samples[place]?.step : undefined}
      />
      <div class="halves">
        <Options job={job} />
        <Checkpoints job={job} turn={training.checkpoints} />
      </div>
    </>
  );
}

/** What is told in the place of images that are not there. */
function unseen(job: Job): string {
  if (ended(job)) return "It ended before its first images.";
  const soon = "The first images come within seconds of the first step.";
  return job.state === "queued" ? `It waits for its turn. ${soon}` : soon;
}

/** What the playground opens: the published model, or the newest checkpoint. */
function playable(job: Job): string {
  const { model, version } = job.output ?? {};
  return model && version ? `${model}@${version}` : `job:${job.id}`;
}
