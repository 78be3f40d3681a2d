/** The seeds of a wall of images: all from one on, or a list. */
import { MAX_SEED } from "./images";

export interface Seeds {
  count: number;
  at: (place: number) => string;
}

export function wallOf(source: number | string[]): Seeds {
  if (typeof source !== "number")
    return { count: source.length, at: (place) => source[place] ?? "" };
  return { count: MAX_SEED - source + 1, at: (place) => String(source + place) };
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
