/** How curves and grids over time are looked at: remembered, and the same for all on a page. */
import type { Axis } from "../logic/curves";
import { Cell } from "../state";
import { remember, remembered } from "../storage";

export interface View {
  axis: Axis;
  smoothing: number;
  logarithmic: boolean;
}

export const view = new Cell<View>(
  remembered("curves", { axis: "kimg", smoothing: 0.6, logarithmic: false }),
);

export function look(change: Partial<View>): void {
  view.value = { ...view.value, ...change };
  remember("curves", view.value);
}
