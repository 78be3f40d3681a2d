/** Options of trainings as flat tables, what differs between them, and who chose which. */
import type { Catalogue } from "../api/catalogue";
import type { Job } from "../api/types";
import type { Schema } from "./order";

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

const ORDER = ["asked", "preset", "model", "automatic"] as const;
export type Origin = (typeof ORDER)[number];

export interface Chosen {
  name: string;
  value: string;
  origin: Origin;
  instead?: string; // what it would have been by itself
}

/** The preset that a training has, which `auto` chooses by the number of images. */
export function presetOf(
  job: Job,
  catalogue: Catalogue | undefined,
): { name: string; options: Record<string, unknown> } | undefined {
  const asked = String(job.input.preset ?? "auto");
  const known = catalogue?.presets[asked];
  const dataset = job.resolved?.dataset as { images?: number } | undefined;
  if (!known || known.options) return known && { name: asked, options: known.options ?? {} };
  const images = dataset?.images;
  if (images === undefined) return undefined;
  const fitting = known.chooses.find(({ images_below: below }) => below === null || images < below);
  const name = fitting?.preset ?? asked;
  return { name, options: catalogue.presets[name]?.options ?? {} };
}

/** Every option of a training. `told`: those that differ from the schema's defaults or that somebody
 * chose, what was asked for first; `usual`: the others. */
export function choicesOf(
  job: Job,
  preset: Record<string, unknown>,
  schema: Record<string, Schema> = {},
): { told: Chosen[]; usual: Chosen[] } {
  const { architecture, recipe, options } = job.resolved ?? {};
  const all = { ...(architecture ? { architecture } : {}), ...fields(recipe), ...fields(options) };
  const asked = fields(job.input.options);
  const fits = (asked.architecture ?? preset.architecture) === preset.architecture;
  const own = fits ? preset : {}; // presets leave other networks than theirs alone
  const ofModel = new Set(job.input.origin ? ["architecture", "z_dim", ...keys(options)] : []);
  const rows = Object.entries(all).map(([name, value]): Chosen => {
    const origin =
      name in asked ? "asked" : ofModel.has(name) ? "model" : name in own ? "preset" : "automatic";
    const otherwise = origin === "asked" && name in own ? own[name] : schema[name]?.default;
    const text = written(value);
    const differs = otherwise !== undefined && written(otherwise) !== text;
    return { name, value: text, origin, ...(differs ? { instead: written(otherwise) } : {}) };
  });
  const ranked = rows.toSorted((a, b) => rank(a) - rank(b));
  const usual = (row: Chosen) => row.origin === "automatic" && row.instead === undefined;
  return { told: ranked.filter((row) => !usual(row)), usual: ranked.filter(usual) };
}

/** What differs goes first among those of one origin. */
function rank({ origin, instead }: Chosen): number {
  return 2 * ORDER.indexOf(origin) + Number(instead === undefined);
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function keys(value: unknown): string[] {
  return Object.keys(fields(value));
}
