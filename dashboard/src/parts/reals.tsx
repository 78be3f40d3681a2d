/** Some of the images that a training learns from: what the fakes beside them are measured by. */
import type { JSX } from "preact";
import type { Dataset } from "../api/types";
import { useRecord } from "../live/poll";
import { plural } from "../logic/numbers";
import { to } from "../route";
import { Loading } from "./bits";

export function Reals({ dataset: id }: { dataset: string }): JSX.Element | null {
  const known = useRecord<Dataset>(id ? `/v1/datasets/${id}` : null, 0);
  if (!id) return null;
  const { data: dataset, error } = known;
  return (
    <section class="card" aria-label="Training images">
      <header>
        <h2>What it learns from</h2>
        {dataset && (
          <span class="quiet">
            <a href={to("data", id)}>{dataset.name}</a>, {plural(dataset.images, "image")}
          </span>
        )}
      </header>
      {error ? (
        <p class="note">The data set is not here any more, or not yet.</p>
      ) : dataset ? (
        <div class="grid-frame">
          <img src={`/v1/datasets/${id}/preview.png`} alt="Some of the training images" />
        </div>
      ) : (
        <Loading what="the data set" />
      )}
    </section>
  );
}
