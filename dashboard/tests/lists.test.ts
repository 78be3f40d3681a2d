import { expect, test } from "vitest";
import type { Job } from "../src/api/types";
import { seedOf } from "../src/logic/images";
import { inQueue, merged, renews, told } from "../src/logic/jobs";
import { commonAxis, momentText, sampleAt, seedAt, seedText, stops } from "../src/logic/samples";
import { allFrom, listed, orderOf, tiling, toggled } from "../src/logic/wall";
import { visible } from "../src/logic/windowing";

const job = (id: string, created_at: string, more = {}) =>
  ({
    id,
    created_at,
    kind: "train",
    state: "queued",
    input: { model: id },
    version: 1,
    metadata: {},
    ...more,
  }) as unknown as Job;

const sample = (step: number, kimg: number | null = null, seconds: number | null = null) => ({
  step,
  kimg,
  seconds,
  url: "",
});

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

test("a moment shows the last sample before it, and the slider stops where any job has one", () => {
  const samples = [10, 20, 40].map((step) => sample(step));
  expect([5, 10, 39, 99].map((step) => sampleAt(samples, step))).toEqual([0, 0, 1, 2]);
  expect(sampleAt([], 1)).toBe(-1);
  expect(stops([samples, [sample(15)]])).toEqual([10, 15, 20, 40]);
});

test("grids are aligned by images or time, where every training has noted them down", () => {
  const small = [sample(10, 0.1, 5), sample(20, 0.2, 9)];
  const large = [sample(5, 0.2, 60), sample(10, 0.4, 90)];
  expect(stops([small, large], "kimg")).toEqual([0.1, 0.2, 0.4]);
  expect([small, large].map((one) => sampleAt(one, 0.2, "kimg"))).toEqual([1, 0]);
  expect(commonAxis([small, large], "seconds")).toBe("seconds");
  expect(commonAxis([small, [sample(10)]], "seconds")).toBe("step");
  expect([momentText(20, "step"), momentText(1.6, "kimg"), momentText(90, "seconds")]).toEqual([
    "step 20",
    "1,600 images",
    "1 min 30 s",
  ]);
});

test("a seed of the grid is told with the label of its image", () => {
  expect(seedText(1, ["tabby", "siamese"])).toBe("Seed 1, siamese");
  expect(seedText(1, null)).toBe("Seed 1");
});

test("a click in the grid finds its seed, also at the edges", () => {
  expect(seedAt(0, 0, 800)).toBe(0);
  expect(seedAt(799, 799, 800)).toBe(63);
  expect(seedAt(800, -1, 800)).toBe(7);
  expect(seedAt(250, 130, 800)).toBe(10);
});

test("a wall of all seeds ends with the last one", () => {
  const picks = allFrom(2 ** 32 - 3, "cat");
  expect(picks.count).toBe(3);
  expect(picks.at(2)).toEqual({ seed: String(2 ** 32 - 1), label: "cat" });
  expect(picks.beside(picks.at(2), -1)).toEqual(picks.at(1));
  expect(picks.beside(picks.at(2), 1)).toBeUndefined();
  expect(["-3", "1.5", "9e9", "x", null].map(seedOf)).toEqual([0, 1, 2 ** 32 - 1, 0, 0]);
  const { columns, side } = tiling(390, 6, 112);
  expect(columns).toBe(3);
  expect(columns * side - 6).toBeCloseTo(390);
});

test("a favourite is a seed with its class, and goes with both into the zip", () => {
  const alice = { seed: "alice", label: "" };
  const [cat, dog] = ["cat", "dog"].map((label) => ({ seed: "7", label }));
  const picks = [alice, cat!].reduce(toggled, [dog!]);
  expect(listed(picks, "cat").at(0)).toEqual(cat);
  expect(listed(picks, "").count).toBe(3);
  expect(listed(picks, "").beside(alice, -1)).toEqual(dog);
  expect(listed(picks, "cat").beside(cat!, 1)).toBeUndefined();
  expect(toggled(picks, dog!)).toEqual([alice, cat]);
  expect(orderOf({ name: "pets", version: 2 }, picks)).toEqual({
    model: "pets@2",
    seeds: ["7", "alice", "7"],
    labels: ["dog", null, "cat"],
  });
});
