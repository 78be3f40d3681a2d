/** Addresses of images, and the same request in other languages. */
import { clamp } from "./numbers";

export const MAX_SEED = 2 ** 32 - 1;

export interface Wish {
  model: string;
  seed: string;
  label?: string;
  psi?: number;
  size?: number;
  n?: number;
}

export function randomSeed(): string {
  return String(crypto.getRandomValues(new Uint32Array(1))[0]);
}

/** The number nearest to what was typed that is a seed. */
export function seedOf(text: string | null): number {
  return Math.floor(clamp(Number(text) || 0, 0, MAX_SEED));
}

/** The seed so many places further; undefined: there is none, or it is a text. */
export function seedBeside(seed: string, by: number): string | undefined {
  const next = Number(seed) + by;
  return /^\d+$/.test(seed) && next >= 0 && next <= MAX_SEED ? String(next) : undefined;
}

/** Only what differs from the API's defaults, in a fixed order: equal wishes are equal addresses. */
export function queryOf(wish: Wish): URLSearchParams {
  const query = new URLSearchParams();
  if (wish.model) query.set("model", wish.model);
  query.set("seed", wish.seed);
  if (wish.label) query.set("label", wish.label);
  if (wish.psi !== undefined && wish.psi !== 1) query.set("psi", String(wish.psi));
  if (wish.size) query.set("size", String(wish.size));
  if (wish.n && wish.n > 1) query.set("n", String(wish.n));
  return query;
}

export function addressOf(wish: Wish): string {
  return `/v1/generate?${queryOf(wish)}`;
}

/** The lasting address of one image of one version. */
export function lasting(
  name: string,
  version: number,
  seed: string,
  look: Partial<Wish> = {},
): string {
  const query = queryOf({ ...look, model: "", seed, n: 1 });
  query.delete("seed");
  const text = query.size ? `?${query}` : "";
  return `/v1/models/${name}/versions/${version}/images/${encodeURIComponent(seed)}.png${text}`;
}

export function asCurl(address: string): string {
  return `curl -f -o image.png '${address.replaceAll("'", "%27")}'`;
}

/** With the Python client of this project. */
export function asPython(origin: string, wish: Wish): string {
  const given: [string, unknown][] = [
    ["model", wish.model || undefined],
    ["label", wish.label || undefined],
    ["psi", wish.psi === 1 ? undefined : wish.psi],
    ["size", wish.size || undefined],
    ["n", wish.n && wish.n > 1 ? wish.n : undefined],
  ];
  const told = given.filter(([, value]) => value !== undefined);
  const named = told.map(([name, value]) => `, ${name}=${JSON.stringify(value)}`).join("");
  const seed = /^\d+$/.test(wish.seed) ? wish.seed : JSON.stringify(wish.seed);
  return [
    "from ganvas import Client",
    "",
    `with Client(${JSON.stringify(origin)}) as client:`,
    `    image = client.generate(${seed}${named})`,
    '    open("image.png", "wb").write(image)',
  ].join("\n");
}

/** `queue;dur=1.5, infer;dur=20.0, batch;desc="4"` as names and values. */
export function timings(header: string | null): [string, string][] {
  return (header ?? "").split(",").flatMap((part): [string, string][] => {
    const [name = "", ...rest] = part.trim().split(";");
    const found = /(?:dur|desc)="?([^"]*)"?/.exec(rest.join(";"));
    if (!name || !found) return [];
    return [[name, part.includes("dur=") ? `${found[1]} ms` : found[1]!]];
  });
}
