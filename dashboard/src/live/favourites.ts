/** Seeds of a model version that this browser remembers. */
import { useEffect, useState } from "preact/hooks";
import type { Model } from "../api/types";
import { remember, remembered } from "../storage";

/** The seeds, and what marks one or takes its mark away. */
export function useFavourites(model: Model | undefined): [string[], (seed: string) => void] {
  const name = model ? `favourites.${model.name}@${model.version}` : "";
  const [seeds, show] = useState<string[]>([]);
  useEffect(() => show(name ? remembered<string[]>(name, []) : []), [name]);
  const mark = (seed: string) => {
    const next = seeds.includes(seed) ? seeds.filter((one) => one !== seed) : [...seeds, seed];
    show(next);
    remember(name, next);
  };
  return [seeds, mark];
}
