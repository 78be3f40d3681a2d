/** What is drawn of a metric series: which chart it belongs to, smoothing, and the axis below it. */
import type { Series } from "../api/types";
import { plainly } from "./jobs";
import { short } from "./numbers";
import { duration } from "./time";

export type Axis = "step" | "kimg" | "seconds";
export const UNITS: Record<Axis, (x: number) => string> = {
  step: (x) => short(x),
  kimg: (x) => short(x * 1000),
  seconds: (x) => duration(x),
};
export type Column = (number | null)[];
export const FEW = 25; // points, with less of which each is shown

const GROUPS: [string, RegExp][] = [
  ["Distance to your images: kd", /^kd$/],
  ["Sliced distance: swd", /^swd$/],
  ["Variety", /^(coverage|diversity|class_diversity)$/],
  ["Losses", /^(G|D|G_.*|D_.*|loss.*)$/],
  ["Penalties", /^(R1|R2|GP|penalty.*|lecam.*)$/i],
  ["Discriminator: pairs told apart", /^accuracy$/],
  ["Augmentation: p", /^augment_p$/],
  ["No copies of your images: %", /^authentic$/],
];
const HIDDEN = /^(step|kimg|seconds)$|_sd$/;

/** What is drawn in one chart. */
export interface Group {
  title: string;
  names: string[];
}

/** The charts in the order in which they are shown, each with its metrics; the rest are alone. */
export function grouped(names: string[]): Group[] {
  const shown = names.filter((name) => !HIDDEN.test(name));
  const charts = GROUPS.map(([title, pattern]) => ({
    title,
    names: shown.filter((name) => pattern.test(name)),
  }));
  const placed = new Set(charts.flatMap((chart) => chart.names));
  const alone = shown.filter((name) => !placed.has(name));
  return [
    ...charts.filter((chart) => chart.names.length),
    ...alone.map((name) => ({ title: name, names: [name] })),
  ];
}

/** Each metric of a chart as a chart of its own. */
export function apart({ title, names }: Group): Group[] {
  return names.map((name) => ({
    title: names.length > 1 ? `${title}: ${plainly(name)}` : title,
    names: [name],
  }));
}

/** Whether none of the metrics has two points, which a line would need. */
export function seldom(series: Series, names: string[]): boolean {
  return names.every(
    (name) => (series.series[name]?.mean ?? []).filter((value) => value !== null).length < 2,
  );
}

/** The newest value of a metric. */
export function lastOf({ series }: Series, name: string): number | null | undefined {
  return series[name]?.mean.findLast((value) => value !== null);
}

const RARE = 0.2; // of the rows: what stands in fewer was measured, and is no noise

/** Exponential smoothing that is not pulled towards zero at the beginning. `weight` 0, and what is
 * measured seldom: as it is. */
export function smoothed(values: Column, weight: number): Column {
  const known = values.filter((value) => value !== null).length;
  if (!weight || known < Math.max(FEW, values.length * RARE)) return values;
  let sum = 0;
  let share = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return sum / share;
  });
}

/** The x of each point. A series without the wished axis is drawn over its steps. */
export function across(series: Series, axis: Axis): number[] {
  const found = axis === "step" ? undefined : series.series[axis]?.mean;
  if (!found) return series.steps;
  let before = 0;
  return found.map((value) => (before = value ?? before));
}

/** `series` with one more line of metrics, as a `metrics` event brings it. */
export function appended(series: Series, line: Record<string, unknown>): Series {
  const step = line.step;
  const last = series.steps.at(-1);
  if (typeof step !== "number" || (last !== undefined && step <= last)) return series;
  const names = new Set([...Object.keys(series.series), ...Object.keys(line)]);
  names.delete("step");
  const grown: Series = { steps: [...series.steps, step], series: {} };
  for (const name of names) {
    const told = line[name];
    const value = typeof told === "number" && Number.isFinite(told) ? told : null;
    const before = series.series[name] ?? emptied(series.steps.length);
    grown.series[name] = {
      mean: [...before.mean, value],
      min: [...before.min, value],
      max: [...before.max, value],
    };
  }
  return grown;
}

function emptied(count: number) {
  return {
    mean: Array(count).fill(null),
    min: Array(count).fill(null),
    max: Array(count).fill(null),
  };
}

/** Several series over one common x: the union of all x, null where a series has no point. */
export function aligned(lines: { x: number[]; y: Column }[]): [number[], ...Column[]] {
  const union = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const place = new Map(union.map((x, index) => [x, index]));
  const columns = lines.map(({ x, y }) => {
    const column: Column = Array(union.length).fill(null);
    x.forEach((at, index) => (column[place.get(at)!] = y[index] ?? null));
    return column;
  });
  return [union, ...columns];
}
