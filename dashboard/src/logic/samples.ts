/** Sample grids over time: which one stands at a moment, and which seed is where in it. */
import type { Sample } from "../api/types";

export const COLUMNS = 8; // of a sample grid: the seeds 0 to 63

/** The index of the last sample at or before `step`; 0 when all are later, -1 when there are none. */
export function sampleAt(samples: Sample[], step: number): number {
  let found = samples.length ? 0 : -1;
  samples.forEach((sample, index) => {
    if (sample.step <= step) found = index;
  });
  return found;
}

/** The seed under a point of a grid that is shown `side` pixels wide. */
export function seedAt(x: number, y: number, side: number, columns = COLUMNS): number {
  const cell = side / columns;
  const place = (at: number) => Math.min(Math.max(Math.floor(at / cell), 0), columns - 1);
  return place(y) * columns + place(x);
}

/** Every step that any of several jobs has a sample of, in order: the stops of a common slider. */
export function stops(all: Sample[][]): number[] {
  return [...new Set(all.flat().map((sample) => sample.step))].sort((a, b) => a - b);
}
