import { expect, test } from "vitest";
import { across, aligned, apart, appended, grouped, seldom, smoothed } from "../src/logic/curves";

const values = (mean: (number | null)[]) => ({ mean, min: mean, max: mean });

test("metrics stand in charts by what they tell, unknown ones alone, axes and deviations nowhere", () => {
  const names = ["kimg", "seconds", "D", "R1", "accuracy", "G", "augment_p", "kd", "kd_sd", "odd"];
  const charts = grouped(names);
  expect(charts.map((chart) => chart.names)).toEqual([
    ["kd"],
    ["D", "G"],
    ["R1"],
    ["accuracy"],
    ["augment_p"],
    ["odd"],
  ]);
});

test("smoothing keeps a constant, begins at the first value and passes over gaps", () => {
  const even = [...Array(30).fill(2), null, 2];
  expect(smoothed(even, 0.9)).toEqual(even);
  const [first, second] = smoothed([1, 3, ...Array(30).fill(2)], 0.5);
  expect(first).toBe(1);
  expect(second).toBeCloseTo((0.5 * 0.5 * 1 + 0.5 * 3) / 0.75);
  expect(smoothed([1, 5], 0.9)).toEqual([1, 5]); // so few are shown as they are
  const many = Array(30).fill(1);
  expect(smoothed(many, 0)).toBe(many);
});

test("what is measured now and then is not smoothed", () => {
  const rare = [4.99, ...Array(9).fill(null), 0.327];
  expect(smoothed(rare, 0.9)).toEqual(rare);
});

test("charts of single metrics tell what they are", () => {
  const charts = grouped(["kd", "D", "G_adv", "odd"]).flatMap(apart);
  expect(charts.map(({ title }) => title)).toEqual([
    "Distance to your images: kd",
    "Losses: D",
    "Losses: G adv",
    "odd",
  ]);
});

test("a line of an event is appended once, with gaps for metrics that come late", () => {
  const begin = { steps: [1], series: { D: values([0.5]) } };
  const grown = appended(begin, { step: 2, D: 0.4, kd: 1.5 });
  expect(grown.steps).toEqual([1, 2]);
  expect(grown.series.D!.mean).toEqual([0.5, 0.4]);
  expect(grown.series.kd!.mean).toEqual([null, 1.5]);
  expect(appended(grown, { step: 2, D: 9 })).toBe(grown);
});

test("an axis with gaps goes on with what was last known; without it steps are the axis", () => {
  const series = { steps: [1, 2, 3], series: { kimg: values([0.1, null, 0.3]) } };
  expect(across(series, "kimg")).toEqual([0.1, 0.1, 0.3]);
  expect(across(series, "seconds")).toEqual([1, 2, 3]);
});

test("lines of several jobs share one axis", () => {
  const [x, a, b] = aligned([
    { x: [1, 3], y: [10, 30] },
    { x: [2, 3], y: [20, 31] },
  ]);
  expect(x).toEqual([1, 2, 3]);
  expect(a).toEqual([10, null, 30]);
  expect(b).toEqual([null, 20, 31]);
});

test("one point makes no curve", () => {
  const series = { steps: [1, 2], series: { kd: values([null, 3]), D: values([1, 2]) } };
  expect([["kd"], ["D"], ["kd", "D"], ["none"]].map((names) => seldom(series, names))).toEqual([
    true,
    false,
    false,
    true,
  ]);
});
