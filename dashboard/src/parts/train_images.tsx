/** The first choice of a training: which images. */
import type { JSX } from "preact";
import type { Dataset, Page } from "../api/types";
import { useRecord } from "../live/poll";
import { plural } from "../logic/numbers";
import { to } from "../route";
import { DatasetFacts } from "./dataset_facts";
import { Drop } from "./drop";

const SPRITES = "sample:sprites"; // drawn when it is trained on, and then a data set like others:
const DRAWN = "sample-sprites-64-n4000-s0";

interface Props {
  dataset: string; // its id; empty: not chosen yet
  take: (id: string) => void;
}

export function TrainImages({ dataset: id, take }: Props): JSX.Element {
  const list = useRecord<Page<Dataset>>("/v1/datasets?limit=200", id ? 0 : 6);
  const ready = (list.data?.data ?? []).filter((one) => one.state === "ready");
  const known = (wanted: string) => ready.find((one) => one.id === wanted);
  if (id) return <Taken id={id} dataset={known(id === SPRITES ? DRAWN : id)} take={take} />;
  return (
    <>
      <Drop ready={(dataset) => take(dataset.id)} />
      <div class="cards small">
        <Pickable
          id={SPRITES}
          preview={known(DRAWN)?.id}
          name="The drawn creatures"
          told="No images at hand? Ganvas draws 4,000 of 64 px."
          take={take}
        />
        {ready
          .filter((one) => one.id !== DRAWN)
          .map(({ id, name, images }) => (
            <Pickable
              key={id}
              {...{ id, name, take }}
              preview={id}
              told={plural(images, "image")}
            />
          ))}
      </div>
    </>
  );
}

function Pickable(props: {
  id: string;
  preview: string | undefined; // id of a data set
  name: string;
  told: string;
  take: (id: string) => void;
}): JSX.Element {
  return (
    <article class="card">
      <button type="button" class="pickable" onClick={() => props.take(props.id)}>
        {props.preview && (
          <img src={`/v1/datasets/${props.preview}/preview.png`} alt="" loading="lazy" />
        )}
        <strong class="break clamp" title={props.name}>
          {props.name}
        </strong>
        <span class="quiet">{props.told}</span>
      </button>
    </article>
  );
}

function Taken(props: {
  id: string;
  dataset: Dataset | undefined;
  take: (id: string) => void;
}): JSX.Element {
  const { id, dataset, take } = props;
  return (
    <section class="card" aria-label="Images">
      <header>
        <h2>{dataset?.name ?? id}</h2>
        <div class="actions">
          <button type="button" onClick={() => take("")}>
            Other images
          </button>
        </div>
      </header>
      {dataset && <Content dataset={dataset} />}
      {id === SPRITES && !dataset && (
        <p class="quiet">
          Eight kinds of creatures in eight colours, 64 px, drawn by Ganvas itself in a few seconds.
        </p>
      )}
    </section>
  );
}

function Content({ dataset }: { dataset: Dataset }): JSX.Element {
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
