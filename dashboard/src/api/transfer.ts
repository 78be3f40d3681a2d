/**
 * One upload that goes on where it broke (tus 1.0.0). A lost connection is waited for; a closed tab is
 * made good when the same files are dropped again, because they give the same key.
 */
import { fingerprint, type Dropped } from "../logic/files";
import { remember, remembered } from "../storage";
import { Problem, freshKey, reach, refusal, timely } from "./http";
import type { ProblemRecord } from "./types";

const PART_BYTES = 64 * 1024 * 1024; // of one request: proxies may keep it until it is whole
const READ_BYTES = 4 * 1024 * 1024; // at once
const SILENCE_MS = 60_000; // without a byte that leaves
const DELAYS = [1, 2, 4, 8, 15]; // seconds
const AWAY = [0, 502, 503, 504];
const PASSING = [...AWAY, 408, 409, 423]; // of a part: it goes on where the service then stands
const VERSION = { "Tus-Resumable": "1.0.0" };
const PART = "application/offset+octet-stream";
const LOST = "The connection was lost";
const TROUBLE: Record<number, string> = {
  423: "The connection before is not over yet",
  503: "The service is not ready",
};

/** How an upload stands. `wait`: seconds until the next try, because of `trouble`. */
export interface Standing {
  sent: number; // bytes, the last of which may still be on their way
  total: number;
  whole: boolean; // all of them have arrived
  paused: boolean;
  wait: number;
  trouble: string;
}

/** The key of these files in this browser. */
export function keyOf(files: Dropped[]): string {
  const browser = remembered("browser", "") || freshKey();
  remember("browser", browser);
  return `${browser}-${fingerprint(files)}`;
}

export class Transfer {
  private readonly ending = new AbortController();
  private address = "";
  private offset = 0; // that the service has said
  private known = false; // whether it is still so
  private sent = 0;
  private paused = false;
  private request: XMLHttpRequest | undefined;
  private wake = () => {};

  constructor(
    private readonly body: Blob,
    private readonly key: string,
    private readonly show: (standing: Standing) => void,
  ) {}

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** The id of the upload once all of it has arrived. Raises Problem, AbortError. */
  async run(): Promise<string> {
    this.tell();
    do await this.insist(() => this.step(), PASSING);
    while (!this.whole);
    this.tell();
    return this.address.split("/").pop()!;
  }

  private get whole(): boolean {
    return this.known && this.offset === this.body.size;
  }

  /** Do something until it is done, however often the connection is lost meanwhile. */
  async insist<T>(work: () => Promise<T>, passing = AWAY): Promise<T> {
    for (let tries = 0, before = this.offset; ; tries++) {
      await this.going();
      try {
        return await work();
      } catch (error) {
        this.signal.throwIfAborted();
        if (this.paused) continue;
        if (!(error instanceof Problem) || !passing.includes(error.status)) throw error;
        if (this.offset > before) [tries, before] = [0, this.offset];
        await this.readable();
        await this.wait(error, DELAYS[Math.min(tries, DELAYS.length - 1)]!);
      }
    }
  }

  pause(): void {
    this.paused = true;
    this.request?.abort();
    this.wake();
    this.tell(this.sent);
  }

  /** After a pause, or at once instead of waiting on. */
  goOn(): void {
    this.paused = false;
    this.wake();
  }

  /** Leave it as it is: the same files go on from there. */
  leave(): void {
    this.ending.abort();
    this.request?.abort();
    this.wake();
  }

  /** End it, and let the service forget what has come. */
  stop(): void {
    this.leave();
    this.discard();
  }

  discard(): void {
    if (this.address) void reach(this.address, { method: "DELETE" }).catch(() => undefined);
  }

  private async step(): Promise<void> {
    if (!this.known) await this.locate();
    this.tell();
    this.known = false;
    if (this.paused) return;
    if (this.offset < this.body.size) this.offset = await this.part(this.offset);
    this.known = true;
  }

  /** Ask where to go on; what the service no longer has begins anew. */
  private async locate(): Promise<void> {
    const signal = timely(this.signal);
    let answer = this.address ? await reach(this.address, { method: "HEAD", signal }) : undefined;
    if (!answer || answer.status === 404) {
      const length = { "Upload-Length": String(this.body.size) };
      const headers = { ...VERSION, ...length, "Idempotency-Key": this.key };
      answer = await reach("/v1/uploads", { method: "POST", headers, signal });
      if (answer.ok) this.address = answer.headers.get("Location")!;
    }
    if (!answer.ok) throw await refusal(answer);
    this.offset = Number(answer.headers.get("Upload-Offset"));
  }

  /** Send from there on; answers where the service stands then. */
  private part(from: number): Promise<number> {
    const request = (this.request = new XMLHttpRequest()); // fetch tells nothing of its progress
    let heard = Date.now();
    const watch = setInterval(() => Date.now() - heard > SILENCE_MS && request.abort(), 1000);
    return new Promise<number>((done, failed) => {
      request.open("PATCH", this.address);
      const headers = { ...VERSION, "Upload-Offset": String(from), "Content-Type": PART };
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => {
        heard = Date.now();
        this.tell(from + event.loaded);
      };
      request.onerror = request.onabort = () => failed(new Problem(0, { detail: LOST }));
      request.onload = () => {
        if (request.status === 204) done(Number(request.getResponseHeader("Upload-Offset")));
        else failed(new Problem(request.status, parsed(request.responseText)));
      };
      request.send(this.body.slice(from, from + PART_BYTES));
    }).finally(() => clearInterval(watch));
  }

  /** A file that was changed or removed breaks requests as a lost connection does. */
  private async readable(): Promise<void> {
    const end = Math.min(this.offset + PART_BYTES, this.body.size);
    try {
      for (let at = this.offset; at < end; at += READ_BYTES)
        await this.body.slice(at, Math.min(at + READ_BYTES, end)).arrayBuffer();
    } catch {
      this.discard(); // with its key it cannot be found again
      throw new Error("A file has changed or cannot be read: choose the files again.");
    }
  }

  private async going(): Promise<void> {
    while (this.paused && !this.signal.aborted) await this.woken(Infinity);
    this.signal.throwIfAborted();
  }

  private async wait(error: Problem, seconds: number): Promise<void> {
    const online = () => this.wake();
    addEventListener("online", online);
    for (let left = seconds; left > 0; left--) {
      this.tell(this.sent, left, TROUBLE[error.status] ?? LOST);
      if (await this.woken(1000)) break;
    }
    removeEventListener("online", online);
  }

  /** Whether somebody called `wake` within the time. */
  private woken(ms: number): Promise<boolean> {
    return new Promise((done) => {
      this.wake = () => done(true);
      if (Number.isFinite(ms)) setTimeout(() => done(false), ms);
    });
  }

  private tell(sent = this.offset, wait = 0, trouble = ""): void {
    if (this.signal.aborted) return;
    this.sent = sent;
    const { paused, whole } = this;
    this.show({ sent, total: this.body.size, whole, paused, wait, trouble });
  }
}

function parsed(text: string): ProblemRecord {
  try {
    return JSON.parse(text) as ProblemRecord;
  } catch {
    return {};
  }
}
