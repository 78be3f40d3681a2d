/** The result of an evaluation as rows: each figure with its spread and what real images reach. */

export interface Measure {
  name: string;
  value: number;
  spread: number;
  floor: number | null; // of real images against others
}

export function measuresOf(metrics: unknown): Measure[] {
  const all = (metrics ?? {}) as Record<string, unknown>;
  return Object.keys(all).flatMap((name): Measure[] => {
    const [value, spread, floor] = [all[name], all[`${name}_sd`], all[`${name}_floor`]];
    if (name.endsWith("_floor") || typeof value !== "number" || typeof spread !== "number")
      return [];
    return [{ name, value, spread, floor: typeof floor === "number" ? floor : null }];
  });
}
