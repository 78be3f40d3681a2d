/** Endless images of one model by seed: look, mark favourites, take them along. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Model } from "../api/types";
import { useFavourites } from "../live/favourites";
import { useModel, type Choice } from "../live/models";
import { MAX_SEED } from "../logic/images";
import { plural } from "../logic/numbers";
import { wallOf } from "../logic/wall";
import { Empty, Loading, Segments, Unknown } from "../parts/bits";
import { LabelChoice } from "../parts/label_choice";
import { ModelChoice } from "../parts/model_choice";
import { Picture } from "../parts/picture";
import { Wall } from "../parts/wall";
import { rename, route, to, withQuery } from "../route";
import { useCell } from "../state";

const MOST = 90; // seeds of one address

interface View {
  model: string; // as in the address; empty: the newest
  from: number; // seed
  label: string;
  only: "all" | "favourites";
}

interface Props {
  view: View;
  change: (changes: Partial<View>) => void;
}

export function Gallery(): JSX.Element {
  const view = viewOf(useCell(route).query);
  const choice = useModel(view.model);
  const [favourites, mark] = useFavourites(choice.model);
  const change = (changes: Partial<View>) => {
    const { only, from, ...rest } = { ...view, ...changes };
    const told = { ...rest, from: from || "", only: only === "all" ? "" : only };
    rename(withQuery(to("gallery"), told));
  };
  const { model, models, ready, error } = choice;
  if (error && !model) return <Unknown what="model" list="models" error={error} />;
  if (ready && !models.length && !view.model) return <Nothing />;
  const which = [
    ["all", "All seeds"],
    ["favourites", `Favourites ${favourites.length || ""}`],
  ] as const;
  return (
    <>
      <div class="head">
        <h1>Gallery</h1>
        <div class="actions">
          {view.only === "favourites" && model && (
            <ZipLink model={model} seeds={favourites} label={view.label} />
          )}
          <Segments
            label="Which images"
            choices={which}
            chosen={view.only}
            choose={(only) => change({ only })}
          />
        </div>
      </div>
      <Filters view={view} change={change} choice={choice} />
      {!model && <Loading what="the model" />}
      {model && <Images {...{ model, view, favourites, mark }} />}
    </>
  );
}

function viewOf(query: URLSearchParams): View {
  return {
    model: query.get("model") ?? "",
    from: Number(query.get("from")) || 0,
    label: query.get("label") ?? "",
    only: query.get("only") === "favourites" ? "favourites" : "all",
  };
}

function Filters({ view, change, choice }: Props & { choice: Choice }): JSX.Element {
  return (
    <div class="filters">
      <ModelChoice choice={choice} choose={(model) => change({ model, label: "" })} />
      {choice.model && (
        <LabelChoice
          model={choice.model}
          label={view.label}
          choose={(label) => change({ label })}
        />
      )}
      <label class="inline">
        From seed
        <input
          class="short"
          type="number"
          min={0}
          max={MAX_SEED}
          value={view.from}
          onChange={(event) => change({ from: Math.max(0, Number(event.currentTarget.value)) })}
        />
      </label>
    </div>
  );
}

function Images(props: {
  model: Model;
  view: View;
  favourites: string[];
  mark: (seed: string) => void;
}): JSX.Element {
  const { model, view, favourites, mark } = props;
  const [opened, open] = useState<string | null>(null);
  const marked = view.only === "favourites";
  if (marked && !favourites.length && opened === null) {
    return (
      <Empty icon="star" title="No favourites yet">
        <p>Open an image and press the star: it is kept in this browser.</p>
      </Empty>
    );
  }
  return (
    <>
      <Wall
        model={model}
        label={view.label}
        seeds={marked ? wallOf(favourites) : wallOf(view.from)}
        favourites={favourites}
        open={open}
      />
      {opened !== null && (
        <Picture
          model={model}
          label={view.label}
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

/** The integers among the favourites in one file; texts cannot stand in a list of seeds. */
function ZipLink(props: { model: Model; seeds: string[]; label: string }): JSX.Element | null {
  const seeds = props.seeds.filter((seed) => /^\d+$/.test(seed)).slice(0, MOST);
  if (!seeds.length) return null;
  const { name, version } = props.model;
  const query = new URLSearchParams({ model: `${name}@${version}`, seeds: seeds.join(",") });
  if (props.label) query.set("label", props.label);
  return (
    <a class="button" href={`/v1/generate?${query}&format=zip`} download>
      {plural(seeds.length, "image")} as a zip
    </a>
  );
}

function Nothing(): JSX.Element {
  return (
    <>
      <div class="head">
        <h1>Gallery</h1>
      </div>
      <Empty icon="gallery" title="No model, no images">
        <p>As soon as a training has ended, every seed is an image here.</p>
        <a class="button primary" href={to("train")}>
          Train a model
        </a>
      </Empty>
    </>
  );
}
