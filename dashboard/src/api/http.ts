/** Requests to the API: JSON in, JSON out, every refusal a Problem with a sentence. */
import { Cell } from "../state";
import type { ProblemRecord } from "./types";

/** Whether the last request reached the service. */
export const reachable = new Cell(true);

/** An answer that refuses, as application/problem+json has it. `status` 0: nobody answered. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly record: ProblemRecord,
  ) {
    super(record.detail || record.title || `The service answered ${status}.`);
  }
}

/** Whether the service says that there is no such thing. */
export function missing(error: unknown): boolean {
  return error instanceof Problem && error.status === 404;
}

const AWAY: ProblemRecord = { code: "away", detail: "The service does not answer." };

/** Ends with `stopped`, and when an answer has not come in time: a service that hangs is away, too. */
export function timely(stopped: AbortSignal, ms = 30_000): AbortSignal {
  return AbortSignal.any([stopped, AbortSignal.timeout(ms)]);
}

/** The answer, also when it refuses. Raises Problem(0) when there is none. */
export async function reach(path: string, init: RequestInit = {}): Promise<Response> {
  try {
    const answer = await fetch(path, init);
    reachable.value = true;
    return answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    reachable.value = false;
    throw new Problem(0, AWAY);
  }
}

export async function refusal(answer: Response): Promise<Problem> {
  try {
    return new Problem(answer.status, (await answer.json()) as ProblemRecord);
  } catch {
    return new Problem(answer.status, { title: answer.statusText });
  }
}

/** The JSON of an answer. Raises Problem. */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const answer = await reach(path, init);
  if (!answer.ok) throw await refusal(answer);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** Send a body, with a key that makes a repetition harmless. */
export function send<T>(method: string, path: string, body?: unknown, head = {}): Promise<T> {
  const headers: Record<string, string> = { ...head };
  if (method === "POST") headers["Idempotency-Key"] = freshKey();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const text = body === undefined ? undefined : JSON.stringify(body);
  return ask<T>(path, { method, headers, body: text });
}

export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether the same may be answered in a moment: the service is away, busy or not ready. */
export function passes(error: unknown): boolean {
  return error instanceof Problem && (error.status === 0 || error.status >= 500);
}

/** What to tell a person about any exception. */
export function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const parts = error instanceof Problem ? (error.record.errors ?? []) : [];
  const told = parts.map((part) => part.message ?? part.detail ?? "").filter(Boolean);
  const further = told.filter((text) => !error.message.includes(text));
  return [error.message, ...further].join(" ");
}
