/** A new training: images, how long, and what it would take; everything else may be left alone. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { send, sentence } from "../api/http";
import type { Dataset, Job, Page } from "../api/types";
import { useRecord } from "../live/poll";
import { plural } from "../logic/numbers";
import { orderOf, type Choice, type Schema } from "../logic/order";
import { Failure } from "../parts/bits";
import { Drop } from "../parts/drop";
import { Estimate } from "../parts/estimate";
import { OptionForm } from "../parts/option_form";
import { Effort, Naming, Presets } from "../parts/train_form";
import { go, rename, route, to, withQuery } from "../route";
import { useCell } from "../state";
import { DatasetFacts } from "./dataset";

export interface Catalogue {
  presets: Record<string, string>;
  resolutions: number[];
  options: { properties: Record<string, Schema> };
}

const SPRITES = "sample:sprites"; // drawn when it is trained on, and then a data set like others:
const DRAWN = "sample-sprites-64-n4000-s0";
const BEGIN: Choice = {
  dataset: "",
  name: "",
  preset: "auto",
  effort: "quick",
  amount: 5,
  resolution: 0,
  seed: 0,
  options: {},
};

export function Train(): JSX.Element {
  const { query } = useCell(route);
  const given = query.get("dataset") ?? "";
  const [choice, choose] = useState<Choice>({ ...BEGIN, dataset: given });
  const catalogue = useRecord<Catalogue>("/v1/catalogue", 30);
  const [busy, work] = useState(false);
  const [failure, fail] = useState("");
  useEffect(() => choose((before) => ({ ...before, dataset: given })), [given]);

  const change = (changes: Partial<Choice>) => choose((before) => ({ ...before, ...changes }));
  const take = (dataset: string) => rename(withQuery(to("train"), { dataset }));
  const start = async (event: Event) => {
    event.preventDefault();
    work(true);
    try {
      go(to("jobs", (await send<Job>("POST", "/v1/train", orderOf(choice))).id));
    } catch (error) {
      fail(sentence(error));
    }
    work(false);
  };
  return (
    <form class="train" onSubmit={(event) => void start(event)}>
      <div class="head">
        <h1>New training</h1>
      </div>
      <div class="stack">
        <Images dataset={choice.dataset} take={take} />
        {choice.dataset && (
          <>
            <section class="card stack" aria-label="How">
              <h2>How long?</h2>
              <Effort choice={choice} change={change} />
              <Naming choice={choice} change={change} />
              <details>
                <summary>Preset and options</summary>
                <div class="stack">
                  <Failure error={catalogue.error} />
                  {catalogue.data && (
                    <>
                      <Presets presets={catalogue.data.presets} choice={choice} change={change} />
                      <OptionForm
                        schema={catalogue.data.options.properties}
                        options={choice.options}
                        change={(options) => change({ options })}
                      />
                    </>
                  )}
                </div>
              </details>
            </section>
            <Estimate order={orderOf(choice)} />
            {failure && (
              <p class="note bad" role="alert">
                {failure}
              </p>
            )}
            <div class="actions">
              <button class="primary large" type="submit" disabled={busy}>
                Start the training
              </button>
              <span class="quiet">It can be watched, paused and cancelled at any time.</span>
            </div>
          </>
        )}
      </div>
    </form>
  );
}

/** The first choice: which images. */
function Images({
  dataset: id,
  take,
}: {
  dataset: string;
  take: (id: string) => void;
}): JSX.Element {
  const list = useRecord<Page<Dataset>>("/v1/datasets?limit=200", id ? 0 : 6);
  const ready = (list.data?.data ?? []).filter((one) => one.state === "ready");
  const chosen = ready.find((one) => one.id === (id === SPRITES ? DRAWN : id));
  const drawn = ready.find((one) => one.id === DRAWN);
  if (id) {
    return (
      <section class="card" aria-label="Images">
        <header>
          <h2>{chosen?.name ?? id}</h2>
          <div class="actions">
            <button type="button" onClick={() => take("")}>
              Other images
            </button>
          </div>
        </header>
        {chosen && <Chosen dataset={chosen} />}
        {id === SPRITES && !chosen && (
          <p class="quiet">
            Eight kinds of creatures in eight colours, 64 px, drawn by Ganvas itself in a few
            seconds.
          </p>
        )}
      </section>
    );
  }
  return (
    <>
      <Drop ready={(dataset) => take(dataset.id)} />
      <div class="cards small">
        <article class="card">
          <button type="button" class="pickable" onClick={() => take(SPRITES)}>
            {drawn && <img src={`/v1/datasets/${drawn.id}/preview.png`} alt="" loading="lazy" />}
            <strong>The drawn creatures</strong>
            <span class="quiet">No images at hand? Ganvas draws 4,000 of 64 px.</span>
          </button>
        </article>
        {ready
          .filter((one) => one.id !== DRAWN)
          .map((one) => (
            <article key={one.id} class="card">
              <button type="button" class="pickable" onClick={() => take(one.id)}>
                <img src={`/v1/datasets/${one.id}/preview.png`} alt="" loading="lazy" />
                <strong class="break">{one.name}</strong>
                <span class="quiet">{plural(one.images, "image")}</span>
              </button>
            </article>
          ))}
      </div>
    </>
  );
}

function Chosen({ dataset }: { dataset: Dataset }): JSX.Element {
  return (
    <div class="halves">
      <img
        class="sheet"
        src={`/v1/datasets/${dataset.id}/preview.png`}
        alt={`Contact sheet of ${dataset.name}`}
      />
      <div class="stack">
        <DatasetFacts dataset={dataset} />
        {dataset.skipped > 0 && (
          <p class="note warn">
            {plural(dataset.skipped, "file")} could not be used:{" "}
            <a href={to("data", dataset.id)}>which, and why</a>.
          </p>
        )}
      </div>
    </div>
  );
}
