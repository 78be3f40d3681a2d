/** The images of a wall: every seed from one on, or a list. */
import { MAX_SEED, seedBeside } from "./images";

/** A seed, and the class that it is looked at as; empty: what the seed itself means. */
export interface Pick {
  seed: string;
  label: string;
}

export interface Picks {
  count: number;
  at: (place: number) => Pick;
  beside: (pick: Pick, by: 1 | -1) => Pick | undefined; // the next, or the one before
}

export function allFrom(first: number, label: string): Picks {
  return {
    count: MAX_SEED - first + 1,
    at: (place) => ({ seed: String(first + place), label }),
    beside: ({ seed, label }, by) => {
      const next = seedBeside(seed, by);
      return next === undefined ? undefined : { seed: next, label };
    },
  };
}

/** `label`: only those of this class; empty: all. */
export function listed(picks: Pick[], label: string): Picks {
  const shown = label ? picks.filter((pick) => pick.label === label) : picks;
  return {
    count: shown.length,
    at: (place) => shown[place]!,
    beside: (pick, by) => {
      const place = shown.findIndex((one) => same(one, pick));
      return place < 0 ? undefined : shown[place + by];
    },
  };
}

export function same(a: Pick, b: Pick): boolean {
  return a.seed === b.seed && a.label === b.label;
}

/** The list without the pick when it is there, and with it when not. */
export function toggled(picks: Pick[], pick: Pick): Pick[] {
  const others = picks.filter((one) => !same(one, pick));
  return others.length < picks.length ? others : [...picks, pick];
}

/** What POST /v1/generations is asked for. */
export function orderOf(model: { name: string; version: number }, picks: Pick[]): object {
  return {
    model: `${model.name}@${model.version}`,
    seeds: picks.map(({ seed }) => seed),
    labels: picks.map(({ label }) => label || null),
  };
}

export interface Tiling {
  columns: number;
  side: number; // px of a tile with the gap behind it
}

/** As many columns as hold tiles of at least `least` px. */
export function tiling(width: number, gap: number, least: number): Tiling {
  const columns = Math.max(2, Math.floor((width + gap) / (least + gap)));
  return { columns, side: (width + gap) / columns };
}
