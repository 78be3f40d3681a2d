/** What this service's API offers besides the usual, read from its openapi.json: parts hide without. */
import { useEffect, useState } from "preact/hooks";
import { ask } from "./http";

export interface Abilities {
  blend: boolean;
  interpolate: boolean;
  directions: boolean;
}

interface Described {
  paths: Record<string, Record<string, { parameters?: { name: string }[] }>>;
}

const NONE: Abilities = { blend: false, interpolate: false, directions: false };
let asked: Promise<Abilities> | undefined;

export function abilitiesOf({ paths }: Described): Abilities {
  const takes = (path: string, name: string) =>
    !!paths[path]?.get?.parameters?.some((parameter) => parameter.name === name);
  return {
    blend: takes("/v1/generate", "blend"),
    interpolate: takes("/v1/interpolate", "t"),
    directions: takes("/v1/generate", "direction") && "/v1/models/{name}/directions" in paths,
  };
}

export function useAbilities(): Abilities {
  const [found, show] = useState(NONE);
  useEffect(() => {
    asked ??= ask<Described>("/openapi.json").then(abilitiesOf);
    asked.then(show, () => (asked = undefined));
  }, []);
  return found;
}
