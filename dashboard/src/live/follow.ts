/** Follows one job: its event stream, gone on with where it broke; polled where streams are blocked. */
import { ask, reach } from "../api/http";
import type { Job, JobEvent } from "../api/types";
import { EventParser } from "./stream";

const SILENCE_MS = 40_000; // the service says something every 15 s
const POLL_MS = 2_000;
const TRIES = 3; // of a stream that never says anything, before the job is polled instead
const POLLS = 5; // before a stream is tried again

export type Way = "stream" | "poll" | "lost" | "ended";

export interface Follower {
  event: (event: JobEvent) => void; // polls come as events of type "snapshot"
  way: (way: Way) => void;
}

/** Until the job has ended or `stopped` says so. */
export async function follow(id: string, told: Follower, stopped: AbortSignal): Promise<void> {
  let last = "";
  let silent = 0;
  while (!stopped.aborted) {
    if (silent >= TRIES) {
      for (let turn = 0; turn < POLLS && !stopped.aborted; turn++) {
        if (await polled(id, told, stopped)) return told.way("ended");
      }
      silent = TRIES - 1; // perhaps streams pass by now
    }
    let ended = false;
    const heard = await listened(id, last, told, stopped, (event) => {
      if (event.id) last = event.id;
      ended ||= event.type === "done";
      told.event(event);
    });
    if (heard === "over" || ended) return told.way("ended");
    silent = heard === "nothing" ? silent + 1 : 0;
    if (!stopped.aborted) {
      told.way("lost");
      await pause(500 * (silent + 1), stopped);
    }
  }
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
    if (answer.status === 204) return "over";
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

/** Whether the job has ended. */
async function polled(id: string, told: Follower, stopped: AbortSignal): Promise<boolean> {
  try {
    const job = await ask<Job>(`/v1/jobs/${id}`, { signal: stopped });
    told.way("poll");
    told.event({ id: "", type: "snapshot", data: job as unknown as Record<string, unknown> });
    if (["succeeded", "failed", "cancelled"].includes(job.state)) return true;
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
