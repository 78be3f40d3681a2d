/** Endless images of one model by seed: look, mark favourites, take them along. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Model } from "../api/types";
import { useModel } from "../live/models";
import { MAX_SEED } from "../logic/images";
import { wallOf } from "../logic/wall";
import { Empty, Failure, Loading, Segments } from "../parts/bits";
import { LabelChoice } from "../parts/label_choice";
import { ModelChoice } from "../parts/model_choice";
import { Picture } from "../parts/picture";
import { Wall } from "../parts/wall";
import { rename, route, to, withQuery } from "../route";
import { useCell } from "../state";
import { remember, remembered } from "../storage";

export function Gallery(): JSX.Element {
  const { query } = useCell(route);
  const given = query.get("model") ?? "";
  const from = Number(query.get("from") ?? 0) || 0;
  const label = query.get("label") ?? "";
  const only = query.get("only") === "favourites";
  const choice = useModel(given);
  const [opened, open] = useState<string | null>(null);
  const [favourites, mark] = useFavourites(choice.model);

  const change = (changes: Record<string, string | number>) =>
    rename(
      withQuery(to("gallery"), {
        model: given,
        from,
        label,
        only: only ? "favourites" : "",
        ...changes,
      }),
    );
  const { model } = choice;
  if (choice.error && !model) return <Failure error={choice.error} />;
  if (choice.ready && !choice.models.length && !given) return <Nothing />;
  return (
    <>
      <div class="head">
        <h1>Gallery</h1>
        <div class="actions">
          <Segments
            label="Which images"
            choices={[
              ["all", "All seeds"],
              ["favourites", `Favourites ${favourites.length || ""}`],
            ]}
            chosen={only ? "favourites" : "all"}
            choose={(value) => change({ only: value === "all" ? "" : value })}
          />
        </div>
      </div>
      <div class="filters">
        <ModelChoice choice={choice} choose={(value) => change({ model: value, label: "" })} />
        {model && (
          <LabelChoice model={model} label={label} choose={(value) => change({ label: value })} />
        )}
        <label class="inline">
          From seed
          <input
            class="short"
            type="number"
            min={0}
            max={MAX_SEED}
            value={from}
            onChange={(event) => change({ from: Math.max(0, Number(event.currentTarget.value)) })}
          />
        </label>
      </div>
      {!model && <Loading what="the model" />}
      {model && only && !favourites.length && (
        <Empty icon="star" title="No favourites yet">
          <p>Open an image and press the star: it is kept in this browser.</p>
        </Empty>
      )}
      {model && (
        <Wall
          model={model}
          label={label}
          seeds={only ? wallOf(favourites) : wallOf(from)}
          favourites={favourites}
          open={open}
        />
      )}
      {model && opened !== null && (
        <Picture
          model={model}
          label={label}
          seed={opened}
          favourite={favourites.includes(opened)}
          mark={() => mark(opened)}
          move={open}
          close={() => open(null)}
        />
      )}
    </>
  );
}

function Nothing(): JSX.Element {
  return (
    <Empty icon="gallery" title="No model, no images">
      <p>As soon as a training has ended, every seed is an image here.</p>
      <a class="button primary" href={to("train")}>
        Train a model
      </a>
    </Empty>
  );
}

/** Seeds that this browser remembers of a model version. */
function useFavourites(model: Model | undefined): [string[], (seed: string) => void] {
  const name = model ? `favourites.${model.name}@${model.version}` : "";
  const [seeds, show] = useState<string[]>([]);
  const own = useRef(name);
  useEffect(() => {
    own.current = name;
    show(name ? remembered<string[]>(name, []) : []);
  }, [name]);
  const mark = (seed: string) => {
    const next = seeds.includes(seed) ? seeds.filter((one) => one !== seed) : [...seeds, seed];
    show(next);
    remember(own.current, next);
  };
  return [seeds, mark];
}
