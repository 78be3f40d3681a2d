/** The data sets, each with some of its images. */
import type { JSX } from "preact";
import type { Dataset, Page } from "../api/types";
import { useRecord } from "../live/poll";
import { plural } from "../logic/numbers";
import { Empty, Failure, Loading, State, When } from "../parts/bits";
import { Drop } from "../parts/drop";
import { go, to, withQuery } from "../route";

export function Datasets(): JSX.Element {
  const list = useRecord<Page<Dataset>>("/v1/datasets?limit=200", 6);
  const sets = list.data?.data;
  return (
    <>
      <div class="head">
        <h1>Data sets</h1>
      </div>
      <div class="stack">
        <Drop ready={(dataset) => go(to("data", dataset.id))} />
        <Failure error={list.error} />
        {!sets && !list.error && <Loading what="the data sets" />}
        {sets?.length === 0 && (
          <Empty icon="data" title="No data sets yet">
            <p>
              Drop a folder or a zip of images above: some hundreds of one kind make a good start.
            </p>
          </Empty>
        )}
        {!!sets?.length && (
          <div class="cards">
            {sets.map((dataset) => (
              <Card key={dataset.id} dataset={dataset} />
            ))}
          </div>
        )}
      </div>
    </>
  );
}

function Card({ dataset }: { dataset: Dataset }): JSX.Element {
  const address = to("data", dataset.id);
  const ready = dataset.state === "ready";
  return (
    <article class="card">
      <a class="cover" href={address} tabIndex={-1} aria-hidden="true">
        {ready && <img src={`/v1/datasets/${dataset.id}/preview.png`} alt="" loading="lazy" />}
      </a>
      <div class="body">
        <h2 class="break clamp" title={dataset.name}>
          <a href={address}>{dataset.name}</a>
        </h2>
        {ready ? (
          <p class="quiet">
            {plural(dataset.images, "image")}
            {dataset.classes.length
              ? `, ${plural(dataset.classes.length, "class", "classes")}`
              : ""}
          </p>
        ) : (
          <State name={dataset.state} />
        )}
        <p class="row apart quiet">
          <When time={dataset.created_at} />
          {ready && <a href={withQuery(to("train"), { dataset: dataset.id })}>Train on it</a>}
        </p>
      </div>
    </article>
  );
}
