/** Follows an event stream, gone on with where it broke; polls where streams are blocked. */
import { reach } from "../api/http";
import type { JobEvent } from "../api/types";
import { EventParser } from "./stream";

const SILENCE_MS = 40_000; // the service says something every 15 s
const POLL_MS = 2_000;
const TRIES = 3; // of a stream that never says anything, before its source is polled instead
const POLLS = 5; // before a stream is tried again

export type Way = "stream" | "poll" | "lost" | "ended";
export type Tell = (event: JobEvent) => void;

export interface Source {
  address: string; // of the stream
  ends: boolean; // with the event `done`
  /** What has happened behind the event `last`; "more": ask again at once. */
  poll: (last: string, tell: Tell, stopped: AbortSignal) => Promise<"more" | "all" | "over">;
}

export interface Follower {
  event: Tell;
  way: (way: Way) => void;
}

/** Until the source has ended or `stopped` says so. */
export async function follow(source: Source, told: Follower, stopped: AbortSignal): Promise<void> {
  let last = "";
  let silent = 0;
  let over = false;
  const tell = (event: JobEvent) => {
    if (event.id) last = event.id;
    over ||= source.ends && event.type === "done";
    told.event(event);
  };
  while (!stopped.aborted && !over) {
    if (silent >= TRIES) {
      for (let turn = 0; turn < POLLS && !stopped.aborted && !over; turn++) {
        over ||= await polled(source, last, told, stopped, tell);
      }
      silent = TRIES - 1; // perhaps streams pass by now
      continue;
    }
    const heard = await listened(source.address, last, told, stopped, tell);
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
  address: string,
  last: string,
  told: Follower,
  stopped: AbortSignal,
  tell: Tell,
): Promise<Heard> {
  const quiet = new AbortController();
  const stop = () => quiet.abort();
  stopped.addEventListener("abort", stop, { once: true });
  let timer = window.setTimeout(stop, SILENCE_MS);
  let heard: Heard = "nothing";
  try {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (last) headers["Last-Event-ID"] = last;
    const answer = await reach(address, { headers, signal: quiet.signal });
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

/** One plain request, and a pause unless there is more; true when the source has ended. */
async function polled(
  source: Source,
  last: string,
  told: Follower,
  stopped: AbortSignal,
  tell: Tell,
): Promise<boolean> {
  try {
    const found = await source.poll(last, tell, stopped);
    told.way("poll");
    if (found !== "all") return found === "over";
  } catch {
    told.way("lost");
  }
  await pause(POLL_MS, stopped);
  return false;
}

function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((go) => {
    const over = () => {
      clearTimeout(timer);
      stopped.removeEventListener("abort", over);
      go();
    };
    const timer = window.setTimeout(over, ms);
    stopped.addEventListener("abort", over);
  });
}
