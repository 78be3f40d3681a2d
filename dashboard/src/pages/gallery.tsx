/** Endless images of one model by seed: look, mark favourites, take them along. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Model } from "../api/types";
import { useFavourites } from "../live/favourites";
import { useModel, type Choice } from "../live/models";
import { MAX_SEED, seedOf } from "../logic/images";
import { allFrom, listed, same, type Pick } from "../logic/wall";
import { Empty, Loading, Segments, Unknown } from "../parts/bits";
import { LabelChoice } from "../parts/label_choice";
import { ModelChoice } from "../parts/model_choice";
import { Picture } from "../parts/picture";
import { Wall } from "../parts/wall";
import { Zip } from "../parts/zip";
import { rename, route, to, withQuery } from "../route";
import { useCell } from "../state";

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
          {view.only === "favourites" && model && <Zip model={model} picks={favourites} />}
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
    from: seedOf(query.get("from")),
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
          onChange={(event) => change({ from: seedOf(event.currentTarget.value) })}
        />
      </label>
    </div>
  );
}

function Images(props: {
  model: Model;
  view: View;
  favourites: Pick[];
  mark: (pick: Pick) => void;
}): JSX.Element {
  const { model, view, favourites, mark } = props;
  const { only, label, from } = view;
  const [opened, open] = useState<Pick | null>(null);
  const picks = only === "favourites" ? listed(favourites, label) : allFrom(from, label);
  if (!picks.count && opened === null) {
    return (
      <Empty
        icon="star"
        title={favourites.length ? "No favourite of this class" : "No favourites yet"}
      >
        <p>Press the star of an image: it is kept in this browser.</p>
      </Empty>
    );
  }
  return (
    <>
      <Wall model={model} picks={picks} favourites={favourites} open={open} mark={mark} />
      {opened !== null && (
        <Picture
          model={model}
          pick={opened}
          favourite={favourites.some((one) => same(one, opened))}
          mark={() => mark(opened)}
          beside={(by) => picks.beside(opened, by)}
          move={open}
          close={() => open(null)}
        />
      )}
    </>
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
