/** Follows one job: its event stream, gone on with where it broke; polled where streams are blocked. */
import { ask, reach } from "../api/http";
import type { Job, JobEvent, Page } from "../api/types";
import { ended } from "../logic/jobs";
import { EventParser } from "./stream";

const SILENCE_MS = 40_000; // the service says something every 15 s
const BEGIN = "0-0"; // before the first event
const POLL_MS = 2_000;
const TRIES = 3; // of a stream that never says anything, before the job is polled instead
const POLLS = 5; // before a stream is tried again

export type Way = "stream" | "poll" | "lost" | "ended";

export interface Follower {
  event: (event: JobEvent) => void;
  way: (way: Way) => void;
}

/** Until the job has ended or `stopped` says so. */
export async function follow(id: string, told: Follower, stopped: AbortSignal): Promise<void> {
  let last = "";
  let silent = 0;
  let over = false;
  const tell = (event: JobEvent) => {
    if (event.id) last = event.id;
    over ||= event.type === "done";
    told.event(event);
  };
  while (!stopped.aborted && !over) {
    if (silent >= TRIES) {
      for (let turn = 0; turn < POLLS && !stopped.aborted && !over; turn++) {
        over ||= await polled(id, last, told, stopped, tell);
      }
      silent = TRIES - 1; // perhaps streams pass by now
      continue;
    }
    const heard = await listened(id, last, told, stopped, tell);
    over ||= heard === "over";
    silent = heard === "nothing" ? silent + 1 : 0;
    if (!stopped.aborted && !over) {
      told.way("lost");
      await pause(500 * (silent + 1), stopped);
    }
  }
  if (over) told.way("ended");
}

type Heard = "something" | "nothing" | "over";

async function listened(
  id: string,
  last: string,
  told: Follower,
  stopped: AbortSignal,
  tell: (event: JobEvent) => void,
): Promise<Heard> {
  const quiet = new AbortController();
  const stop = () => quiet.abort();
  stopped.addEventListener("abort", stop, { once: true });
  let timer = window.setTimeout(stop, SILENCE_MS);
  let heard: Heard = "nothing";
  try {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (last) headers["Last-Event-ID"] = last;
    const answer = await reach(`/v1/jobs/${id}/events`, { headers, signal: quiet.signal });
    if (answer.status === 204 || answer.status === 404) return "over";
    if (!answer.ok || !answer.body) return "nothing";
    const parser = new EventParser();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return heard;
      clearTimeout(timer);
      timer = window.setTimeout(stop, SILENCE_MS);
      if (heard === "nothing") told.way("stream");
      heard = "something";
      parser.read(value).forEach(tell);
    }
  } catch {
    return heard;
  } finally {
    clearTimeout(timer);
    stopped.removeEventListener("abort", stop);
    quiet.abort();
  }
}

/** The events since the last one, by a plain request; true when the job has ended without more. */
async function polled(
  id: string,
  last: string,
  told: Follower,
  stopped: AbortSignal,
  tell: (event: JobEvent) => void,
): Promise<boolean> {
  try {
    const address = `/v1/jobs/${id}/events?limit=1000&after=${last || BEGIN}`;
    const page = await ask<Page<JobEvent>>(address, { signal: stopped });
    told.way("poll");
    page.data.forEach(tell);
    if (page.has_more) return false;
    if (!page.data.length) {
      const job = await ask<Job>(`/v1/jobs/${id}`, { signal: stopped });
      tell({ id: "", type: "snapshot", data: job as unknown as Record<string, unknown> });
      if (ended(job)) return true;
    }
  } catch {
    told.way("lost");
  }
  await pause(POLL_MS, stopped);
  return false;
}

function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((go) => {
    const timer = window.setTimeout(go, ms);
    stopped.addEventListener("abort", () => (clearTimeout(timer), go()), { once: true });
  });
}
