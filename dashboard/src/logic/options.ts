/** Options of trainings as flat tables, and what differs between them. */

export type Flat = Record<string, string>;

/** `{recipe: {lr: 1}}` becomes `{"lr": "1"}`: groups whose names say nothing are left out. */
export function flat(resolved: unknown, prefix = ""): Flat {
  const found: Flat = {};
  if (typeof resolved !== "object" || resolved === null) return found;
  for (const [name, value] of Object.entries(resolved)) {
    const path = prefix ? `${prefix}.${name}` : name;
    const nested = typeof value === "object" && value !== null && !Array.isArray(value);
    if (!nested) found[path] = written(value);
    else Object.assign(found, flat(value, PLAIN.has(name) ? prefix : path));
  }
  return found;
}

const PLAIN = new Set(["options", "recipe", "shape"]);

export function written(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return String(Number(value.toPrecision(6)));
  if (Array.isArray(value)) return value.map(written).join(", ") || "none";
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

export interface Difference {
  name: string;
  values: string[];
}

/** The options in which at least two of several differ. */
export function differences(all: Flat[]): Difference[] {
  const names = [...new Set(all.flatMap((one) => Object.keys(one)))].sort();
  return names
    .map((name) => ({ name, values: all.map((one) => one[name] ?? "–") }))
    .filter(({ values }) => new Set(values).size > 1);
}
