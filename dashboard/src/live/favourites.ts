/** Images of a model version that this browser remembers. */
import { useEffect, useState } from "preact/hooks";
import type { Model } from "../api/types";
import { toggled, type Pick } from "../logic/wall";
import { remember, remembered } from "../storage";

/** The images, and what marks one or takes its mark away. */
export function useFavourites(model: Model | undefined): [Pick[], (pick: Pick) => void] {
  const name = model ? `favourites.${model.name}@${model.version}` : "";
  const [picks, show] = useState<Pick[]>([]);
  useEffect(() => show(name ? kept(name) : []), [name]);
  const mark = (pick: Pick) => {
    const next = toggled(kept(name), pick); // another tab may have marked some
    show(next);
    remember(name, next);
  };
  return [picks, mark];
}

function kept(name: string): Pick[] {
  const known = remembered<(Pick | string)[]>(name, []);
  return known.map((one) => (typeof one === "string" ? { seed: one, label: "" } : one));
}
