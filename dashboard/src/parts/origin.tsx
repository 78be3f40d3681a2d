/** What a version of a model was made from: training, data set, and the model before it. */
import type { JSX } from "preact";
import type { Model } from "../api/types";
import { plural, short } from "../logic/numbers";
import { flat } from "../logic/options";
import { to, withQuery } from "../route";
import { Facts } from "./bits";

export function Origin({ model }: { model: Model }): JSX.Element {
  const { id, name, images } = model.dataset;
  const { init_from: parent, resume_from: resumed, imported } = model.lineage;
  return (
    <section class="card">
      <h2>Where version {model.version} comes from</h2>
      <Facts
        rows={[
          ["Training", model.job && <JobLink id={model.job} />],
          ["Goes on from", resumed ? <JobLink id={String(resumed)} /> : ""],
          ["Began as", parent ? <Parent record={parent as Named} /> : ""],
          ["Imported as", imported ? referenceOf(imported as Named) : ""],
          ["Data set", id ? <a href={to("data", String(id))}>{String(name ?? id)}</a> : ""],
          ["Images in it", images ? short(images) : ""],
          ["Learnt for", plural(model.steps, "step")],
          ["Classes", model.classes.join(", ")],
          ["Attributes", model.attributes.join(", ")],
          ["Same bytes", model.reproducibility],
          ["Digest", <code>{model.digest}</code>],
        ]}
      />
      <details>
        <summary>The whole lineage</summary>
        <Facts rows={Object.entries(flat(model.lineage))} />
      </details>
    </section>
  );
}

interface Named {
  name: string;
  version: number;
}

/** A model, or a checkpoint of a job. */
function Parent({ record }: { record: Named }): JSX.Element {
  const job = /^job:([^@]+)/.exec(record.name)?.[1];
  if (job) return <a href={to("jobs", job)}>a checkpoint of {job}</a>;
  const address = withQuery(to("models", record.name), { version: record.version });
  return <a href={address}>{referenceOf(record)}</a>;
}

function JobLink({ id }: { id: string }): JSX.Element {
  return <a href={to("jobs", id)}>{id}</a>;
}

function referenceOf({ name, version }: Named): string {
  return `${name}@${version}`;
}
