/** Some of the images that a training learns from: what the fakes beside them are measured by. */
import type { JSX } from "preact";
import type { Dataset, Job } from "../api/types";
import { useRecord } from "../live/poll";
import { plural } from "../logic/numbers";
import { to } from "../route";
import { Loading } from "./bits";

const SAMPLE = "sample-"; // how ids of sets begin that Ganvas draws

export function Reals({ job }: { job: Job }): JSX.Element | null {
  const id = String(job.input.dataset_id ?? "");
  const drawn = !id.startsWith(SAMPLE) || job.resolved !== null; // the first training draws it
  const known = useRecord<Dataset>(id && drawn ? `/v1/datasets/${id}` : null);
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
        <p class="note">The data set is not here any more.</p>
      ) : dataset ? (
        <div class="grid-frame">
          <img src={`/v1/datasets/${id}/preview.png`} alt="Some of the training images" />
        </div>
      ) : drawn ? (
        <Loading what="the data set" />
      ) : (
        <p class="quiet">The images are drawn first.</p>
      )}
    </section>
  );
}
