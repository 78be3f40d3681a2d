/** One image of one model version at its lasting address, as a way into the playground. */
import type { JSX } from "preact";
import type { Model } from "../api/types";
import { lasting } from "../logic/images";
import { ModelImage } from "./image";
import { to, withQuery } from "../route";

export function SeedImage(props: {
  model: Pick<Model, "name" | "version" | "resolution">;
  seed: string;
  label?: string;
}): JSX.Element {
  const { model, seed, label } = props;
  const look = label ? { label } : {};
  return (
    <a
      class="tile"
      href={withQuery(to("play"), { model: `${model.name}@${model.version}`, seed, label })}
      title={`Seed ${seed}`}
    >
      <ModelImage
        address={lasting(model.name, model.version, seed, look)}
        side={model.resolution}
        alt={`Image of seed ${seed}`}
        lazy
      />
    </a>
  );
}
