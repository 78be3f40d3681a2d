/** Sample grids over time: which one stands at a moment, and which seed is where in it. */
import type { Sample } from "../api/types";
import type { Axis } from "./curves";
import { plural, short } from "./numbers";
import { duration } from "./time";

export const COLUMNS = 8; // of a sample grid: the seeds 0 to 63

/** When a sample was drawn: at which step, after how many thousand images, after how many seconds. */
export function momentOf(sample: Sample, axis: Axis): number | null {
  return sample[axis];
}

/** The axis that all samples know: trainings of before they were noted down only know steps. */
export function commonAxis(all: Sample[][], wished: Axis): Axis {
  return all.flat().every((sample) => momentOf(sample, wished) !== null) ? wished : "step";
}

/** The index of the last sample at or before a moment; 0 when all are later, -1 when there are none. */
export function sampleAt(samples: Sample[], moment: number, axis: Axis = "step"): number {
  let found = samples.length ? 0 : -1;
  samples.forEach((sample, index) => {
    if ((momentOf(sample, axis) ?? 0) <= moment) found = index;
  });
  return found;
}

/** The seed under a point of a grid that is shown `side` pixels wide. */
export function seedAt(x: number, y: number, side: number, columns = COLUMNS): number {
  const cell = side / columns;
  const place = (at: number) => Math.min(Math.max(Math.floor(at / cell), 0), columns - 1);
  return place(y) * columns + place(x);
}

/** Every moment at which any of several jobs has a sample, in order: the stops of a common slider. */
export function stops(all: Sample[][], axis: Axis = "step"): number[] {
  const moments = all.flat().map((sample) => momentOf(sample, axis) ?? 0);
  return [...new Set(moments)].sort((a, b) => a - b);
}

/** A moment in words. */
export function momentText(moment: number, axis: Axis): string {
  if (axis === "kimg") return plural(Math.round(moment * 1000), "image");
  return axis === "seconds" ? duration(moment) : `step ${short(moment)}`;
}

/** A seed of a grid in words, with the label that its image has. */
export function seedText(seed: number, labels: string[] | null | undefined): string {
  const label = labels?.[seed];
  return label === undefined ? `Seed ${seed}` : `Seed ${seed}, ${label}`;
}
