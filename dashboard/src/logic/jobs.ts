/** Jobs as sentences, and as a list that grows at both ends. */
import type { Job, JobEvent, JobState } from "../api/types";

export const ENDED: JobState[] = ["succeeded", "failed", "cancelled"];
export const KINDS: Record<Job["kind"], string> = {
  train: "Training",
  ingest: "Data set",
  evaluate: "Evaluation",
  export: "ONNX export",
  push: "Push",
  pull: "Pull",
  estimate: "Estimate",
};

export function ended(job: Job): boolean {
  return ENDED.includes(job.state);
}

export function atWork(job: Job): boolean {
  return !ended(job) && job.state !== "queued" && job.state !== "paused";
}

/** What a job is about: the model that it trains, the data set that it prepares. */
export function subject(job: Job): string {
  const { model, name, dataset_name: dataset } = job.input;
  const told = job.kind === "ingest" ? (name ?? job.input.dataset) : (model ?? name ?? dataset);
  return typeof told === "string" && told ? told : job.id;
}

/** Whether what can be listed, and in which order, is another after this event. */
export function renews({ type }: JobEvent): boolean {
  return ["state", "priority", "done", "snapshot", "reset"].includes(type);
}

/** The job after one of its events. A state that is not newer than the record is known already. */
export function told(job: Job, { type, data: { job: _, ...data } }: JobEvent): Job {
  if (type === "progress") return { ...job, progress: { ...job.progress, ...data } };
  if (type === "phase") return { ...job, phase: String(data.phase) };
  if (type === "priority") return { ...job, priority: Number(data.priority) };
  if (type !== "state" || Number(data.version) <= job.version) return job;
  return { ...job, ...(data as Partial<Job>) };
}

/** The newest of what is known of each job: those at work first, then the newest. */
export function merged(known: Job[], news: Job[]): Job[] {
  const all = new Map(known.map((job) => [job.id, job]));
  for (const job of news) all.set(job.id, job);
  return [...all.values()].sort(
    (a, b) =>
      Number(atWork(b)) - Number(atWork(a)) ||
      b.created_at.localeCompare(a.created_at) ||
      b.id.localeCompare(a.id),
  );
}

/** In the order in which they will begin. */
export function inQueue(jobs: Job[]): Job[] {
  const last = Number.MAX_SAFE_INTEGER;
  return jobs.toSorted((a, b) => (a.queue_position ?? last) - (b.queue_position ?? last));
}

/** Whether every word of `text` stands somewhere in what is told of the job. */
export function matching(job: Job, text: string): boolean {
  const told = [job.id, KINDS[job.kind], job.state, subject(job), ...Object.values(job.metadata)];
  const more = [job.input.dataset_name, job.error?.code, job.worker];
  const haystack = [...told, ...more].join(" ").toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => haystack.includes(word));
}

/** `images_per_second` as `images per second`, `budget.minutes` as `budget minutes`. */
export function plainly(name: string): string {
  return name.replaceAll(/[_.]/g, " ");
}
