/** Workers that live, those that have gone a moment ago, and what they are at. */
import type { Job, WorkerInfo } from "../api/types";
import { atWork } from "./jobs";
import { duration } from "./time";

const KEPT_MS = 120_000; // so long a worker that has gone is shown
const LATE_S = 8; // a worker is heard every 3 s
const WRONG_S = 60; // a worker that lives was heard in the last 15 s: else a clock is wrong

export interface Seen {
  worker: WorkerInfo;
  gone: number | null; // when it was missed, in ms
}

/** What is known now: the living, and behind them those that were known before. */
export function seenNow(before: Seen[], living: WorkerInfo[], now: number): Seen[] {
  const names = new Set(living.map((worker) => worker.id));
  const gone = before
    .filter(({ worker }) => !names.has(worker.id))
    .map((seen) => ({ ...seen, gone: seen.gone ?? now }))
    .filter(({ gone }) => now - gone < KEPT_MS);
  return [...living.map((worker) => ({ worker, gone: null })), ...gone];
}

/** When a worker was heard, in words, and whether that is long ago. */
export function heard({ worker, gone }: Seen, now: number): { words: string; late: boolean } {
  if (gone !== null) return { words: `gone ${since(gone, now)}`, late: true };
  const at = Date.parse(worker.heartbeat_at ?? "");
  const seconds = (now - at) / 1000;
  if (Number.isNaN(at) || Math.abs(seconds) > WRONG_S) return { words: "lives", late: false };
  return { words: `seen ${since(at, now)}`, late: seconds > LATE_S };
}

function since(at: number, now: number): string {
  return `${duration(Math.max(1, Math.round((now - at) / 1000)))} ago`;
}

/** The jobs that a worker is at. */
export function jobsOf(worker: WorkerInfo, jobs: Job[]): Job[] {
  return jobs.filter((job) => job.worker === worker.id && atWork(job));
}
