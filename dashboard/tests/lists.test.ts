import { expect, test } from "vitest";
import type { Job } from "../src/api/types";
import { inQueue, matching, merged, renews, told } from "../src/logic/jobs";
import { sampleAt, seedAt, stops } from "../src/logic/samples";
import { tiling, wallOf } from "../src/logic/wall";
import { visible } from "../src/logic/windowing";

const job = (id: string, created_at: string, more = {}) =>
  ({
    id,
    created_at,
    kind: "train",
    state: "queued",
    input: { model: id },
    metadata: {},
    ...more,
  }) as unknown as Job;

test("only rows near the window are built, however many there are", () => {
  expect(visible(0, 500, 50, 100_000, 2)).toEqual({ first: 0, end: 12 });
  expect(visible(5_000, 500, 50, 100_000, 2)).toEqual({ first: 98, end: 112 });
  expect(visible(1e9, 500, 50, 3, 2)).toEqual({ first: 3, end: 3 });
});

test("newer records replace older ones, and what is at work is first", () => {
  const old = [job("a", "2026-01-01"), job("b", "2026-01-02")];
  const found = merged(old, [job("a", "2026-01-01", { state: "running" }), job("c", "2026-01-03")]);
  expect(found.map(({ id, state }) => `${id} ${state}`)).toEqual([
    "a running",
    "c queued",
    "b queued",
  ]);
});

test("an event changes what it tells of, and an old state nothing", () => {
  const known = job("a", "2026-01-01", { state: "running", version: 7, progress: { step: 3 } });
  const after = (type: string, data = {}) =>
    told(known, { id: "", type, data: { job: "a", ...data } });
  expect(after("progress", { step: 4 }).progress).toEqual({ step: 4 });
  expect(after("state", { state: "paused", version: 9 })).toMatchObject({
    state: "paused",
    version: 9,
  });
  expect(after("state", { state: "queued", version: 7 })).toBe(known);
  expect(after("phase", { phase: "training" }).phase).toBe("training");
  expect(after("priority", { priority: 2 }).priority).toBe(2);
  expect(after("sample", { step: 4 })).toBe(known);
  const news = ["state", "done", "priority", "reset", "snapshot", "progress", "sample"];
  expect(news.filter((type) => renews({ id: "", type, data: {} }))).toEqual(news.slice(0, 5));
});

test("the queue is shown in the order in which jobs begin", () => {
  const places: [string, number | null][] = [
    ["a", 1],
    ["b", null],
    ["c", 0],
  ];
  const all = places.map(([id, place]) => job(id, "2026", { queue_position: place }));
  expect(inQueue(all).map(({ id }) => id)).toEqual(["c", "a", "b"]);
});

test("every word of a search has to be there", () => {
  const found = job("job-1", "2026-01-01", { input: { model: "cats", dataset_name: "Tabby" } });
  expect(matching(found, "CATS tab")).toBe(true);
  expect(matching(found, "cats dogs")).toBe(false);
  expect(matching(found, "")).toBe(true);
});

test("a moment shows the last sample before it, and the slider stops where any job has one", () => {
  const samples = [10, 20, 40].map((step) => ({ step, url: "" }));
  expect([5, 10, 39, 99].map((step) => sampleAt(samples, step))).toEqual([0, 0, 1, 2]);
  expect(sampleAt([], 1)).toBe(-1);
  expect(stops([samples, [{ step: 15, url: "" }]])).toEqual([10, 15, 20, 40]);
});

test("a click in the grid finds its seed, also at the edges", () => {
  expect(seedAt(0, 0, 800)).toBe(0);
  expect(seedAt(799, 799, 800)).toBe(63);
  expect(seedAt(800, -1, 800)).toBe(7);
  expect(seedAt(250, 130, 800)).toBe(10);
});

test("a wall of all seeds ends with the last one", () => {
  const seeds = wallOf(2 ** 32 - 3);
  expect(seeds.count).toBe(3);
  expect(seeds.at(2)).toBe(String(2 ** 32 - 1));
  expect(wallOf(["7", "alice"]).at(1)).toBe("alice");
  const { columns, side } = tiling(390, 6, 112);
  expect(columns).toBe(3);
  expect(columns * side - 6).toBeCloseTo(390);
});
