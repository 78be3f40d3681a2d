/** Requests and images between two readings of GET /metrics. */
import type { Measured } from "./prometheus";

export interface Reading {
  at: number; // ms
  requests: number; // of any kind
  images: number; // or grids, that were answered
  kept: number; // images that came from the cache
  made: number; // and those that a worker made
  refused: number;
  within: [seconds: number, images: number][]; // how many images took at most so long
}

export interface Traffic {
  requests: number; // per second
  images: number; // per second
  half: number | null; // seconds: half of the images took at most so long
  most: number | null; // and 99 % of them
  kept: number | null; // share, 0..1
  refused: number;
}

export function reading(all: Measured[], at: number): Reading {
  const sum = (name: string, fits: (labels: Measured["labels"]) => boolean = () => true) =>
    all
      .filter((one) => one.name === name && fits(one.labels))
      .reduce((total, one) => total + one.value, 0);
  const cache = "ganvas_image_cache_total";
  return {
    at,
    requests: sum("ganvas_requests_total"),
    images: sum("ganvas_image_seconds_count"),
    kept: sum(cache, ({ result }) => result === "hit"),
    made: sum(cache, ({ result }) => result !== "hit"),
    refused: sum("ganvas_refusals_total"),
    within: all
      .filter((one) => one.name === "ganvas_image_seconds_bucket")
      .map(({ labels, value }): [number, number] => [edge(labels.le), value])
      .toSorted(([a], [b]) => a - b),
  };
}

function edge(text: string | undefined): number {
  return text === "+Inf" ? Infinity : Number(text);
}

/** What happened between two readings. Counters that have gone back began anew. */
export function between(older: Reading, newer: Reading): Traffic {
  const again = newer.requests < older.requests;
  const gained = (name: "requests" | "images" | "kept" | "made" | "refused") =>
    newer[name] - (again ? 0 : older[name]);
  const seconds = Math.max((newer.at - older.at) / 1000, 0.001);
  const before = new Map(again ? [] : older.within);
  const within = newer.within.map(([end, count]): [number, number] => [
    end,
    count - (before.get(end) ?? 0),
  ]);
  const answered = gained("kept") + gained("made");
  return {
    requests: gained("requests") / seconds,
    images: gained("images") / seconds,
    half: quantile(within, 0.5),
    most: quantile(within, 0.99),
    kept: answered ? gained("kept") / answered : null,
    refused: gained("refused"),
  };
}

/** Where in its bucket the value lies is guessed as Prometheus does: on a straight line. */
export function quantile(within: [number, number][], share: number): number | null {
  const all = within.at(-1)?.[1] ?? 0;
  if (!all) return null;
  const wanted = share * all;
  const place = within.findIndex(([, count]) => count >= wanted);
  const [end, count] = within[place]!;
  const [start, less] = place ? within[place - 1]! : [0, 0];
  if (!Number.isFinite(end)) return start;
  return start + ((end - start) * (wanted - less)) / Math.max(count - less, 1e-9);
}

/** What happened in the last `seconds`, or for as long as is known. */
export function lately(readings: Reading[], seconds: number): Traffic | null {
  const newest = readings.at(-1);
  if (!newest || readings.length < 2) return null;
  const wanted = newest.at - seconds * 1000;
  const older = readings.slice(0, -1).find(({ at }) => at >= wanted);
  return between(older ?? readings.at(-2)!, newest); // nobody looked for longer than that
}

/** Images per second, from one reading to the next. */
export function course(readings: Reading[]): number[] {
  return readings.slice(1).map((newer, place) => between(readings[place]!, newer).images);
}

/** A line through the values in a box, as `points` of SVG: the first at the left, zero below. */
export function line(values: number[], width: number, height: number): string {
  const highest = Math.max(...values, 1e-9);
  const apart = width / Math.max(values.length - 1, 1);
  return values
    .map((value, place) => [place * apart, height * (1 - value / highest)])
    .map((point) => point.map((number) => Number(number.toFixed(2))).join(","))
    .join(" ");
}
