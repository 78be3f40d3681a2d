/** Addresses of images between seeds, and beyond. */
import { queryOf, randomSeed, type Wish } from "./images";

/** The four corners of a slice of the latent space: the seed itself and three strangers. */
export function corners(seed: string): string[] {
  return [seed, randomSeed(), randomSeed(), randomSeed()];
}

/** How much of each corner a point has, by bilinear weights; x and y from 0 to 1. */
export function weights(x: number, y: number): number[] {
  return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
}

export function blended(wish: Wish, seeds: string[], x: number, y: number): string {
  const parts = weights(x, y)
    .map((weight, place) => [seeds[place]!, Number(weight.toFixed(3))] as const)
    .filter(([, weight]) => weight > 0)
    .map(([seed, weight]) => `${seed}:${weight}`);
  const query = lookOf(wish);
  query.set("blend", parts.join(","));
  return `/v1/generate?${query}`;
}

/** One point of the way from the seed to another, or with `frames` the whole way, moving. */
export function between(wish: Wish, to: string, at: { t: number } | { frames: number }): string {
  const query = lookOf(wish);
  query.set("from", wish.seed);
  query.set("to", to);
  for (const [name, value] of Object.entries(at)) query.set(name, String(value));
  return `/v1/interpolate?${query}`;
}

export function directed(wish: Wish, direction: string, amount: number): string {
  const query = queryOf({ ...wish, n: 1 });
  query.set("direction", direction);
  query.set("amount", String(amount));
  return `/v1/generate?${query}`;
}

function lookOf(wish: Wish): URLSearchParams {
  const query = queryOf({ ...wish, n: 1 });
  query.delete("seed");
  return query;
}
