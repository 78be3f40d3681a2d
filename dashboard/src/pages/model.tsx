/** One model: its versions, where its aliases point, what it was made from. */
import type { JSX } from "preact";
import { send, sentence } from "../api/http";
import type { Alias, Job, Model, NamedModel, Page } from "../api/types";
import { useRecord } from "../live/poll";
import { bytes, short } from "../logic/numbers";
import { flat } from "../logic/options";
import { Facts, Failure, Loading, When } from "../parts/bits";
import { Promote } from "../parts/promote";
import { SeedImage } from "../parts/seed_image";
import { say, tried } from "../parts/toasts";
import { go, to, withQuery } from "../route";

const SHOWN = 24; // seeds

export function ModelPage({ id: name }: { id: string }): JSX.Element {
  const known = useRecord<NamedModel>(`/v1/models/${name}`, 8);
  const versions = useRecord<Page<Model>>(`/v1/models/${name}/versions?limit=100`, 8);
  const aliases = useRecord<Page<Alias>>(`/v1/models/${name}/aliases`, 8);
  const model = known.data;
  if (!model) return known.error ? <Failure error={known.error} /> : <Loading what="the model" />;
  const refresh = () => [known, versions, aliases].forEach((each) => each.refresh());
  return (
    <>
      <div class="head">
        <h1>{name}</h1>
        <span class="quiet">
          {model.resolution} px, {model.architecture}, {short(model.parameters)} parameters
        </span>
        <div class="actions">
          <a class="button" href={withQuery(to("gallery"), { model: name })}>
            Gallery
          </a>
          <a class="button primary" href={withQuery(to("play"), { model: name })}>
            Play
          </a>
        </div>
      </div>
      <div class="stack">
        <section class="card" aria-label="Images">
          <div class="strip">
            {Array.from({ length: SHOWN }, (_, seed) => (
              <SeedImage key={seed} model={model} seed={String(seed)} />
            ))}
          </div>
        </section>
        <Versions versions={versions.data?.data ?? [model]} changed={refresh} />
        <div class="halves">
          <Aliases aliases={aliases.data?.data ?? []} changed={refresh} />
          <Origin model={model} />
        </div>
      </div>
    </>
  );
}

function Versions(props: { versions: Model[]; changed: () => void }): JSX.Element {
  return (
    <section class="card">
      <h2>Versions</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Figures">
        <table>
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Aliases</th>
              <th scope="col">Published</th>
              <th scope="col" class="number">
                Images shown
              </th>
              <th scope="col" class="number">
                Distance (kd)
              </th>
              <th scope="col" class="number">
                Size
              </th>
              <th scope="col" />
            </tr>
          </thead>
          <tbody>
            {props.versions.map((model) => (
              <Version key={model.version} model={model} changed={props.changed} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface Row {
  model: Model;
  changed: () => void;
}

function Version({ model, changed }: Row): JSX.Element {
  const measured = model.evaluation?.metrics as Record<string, unknown> | undefined;
  return (
    <tr>
      <td>
        <a href={withQuery(to("play"), { model: `${model.name}@${model.version}` })}>
          {model.version}
        </a>
      </td>
      <td>
        {model.aliased_as.map((alias) => (
          <span key={alias} class="tag accent">
            {alias}
          </span>
        ))}
      </td>
      <td>
        <When time={model.created_at} />
      </td>
      <td class="number">{short(model.kimg * 1000)}</td>
      <td class="number" title={measured ? "as evaluated" : "the training's own"}>
        {short(measured?.kd ?? model.metrics.kd)}
      </td>
      <td class="number">{bytes(model.bytes)}</td>
      <td>
        <VersionActions model={model} changed={changed} />
      </td>
    </tr>
  );
}

function VersionActions({ model, changed }: Row): JSX.Element {
  const own = `/v1/models/${model.name}/versions/${model.version}`;
  const remove = async () => {
    if (!confirm(`Delete version ${model.version} of ${model.name} for ever?`)) return;
    if (await tried(send("DELETE", own), `Version ${model.version} is deleted.`)) changed();
  };
  return (
    <div class="row end">
      <Promote model={model.name} version={model.version} changed={changed} />
      <button type="button" onClick={() => void evaluate(model)}>
        Evaluate
      </button>
      <a class="button" href={`${own}/card`}>
        Card
      </a>
      <a class="button" href={`${own}/archive`} download>
        Export
      </a>
      <button class="bare danger" type="button" onClick={() => void remove()}>
        Delete
      </button>
    </div>
  );
}

async function evaluate(model: Model): Promise<void> {
  try {
    const order = { model: `${model.name}@${model.version}` };
    const job = await send<Job>("POST", "/v1/evaluate", order);
    go(to("jobs", job.id));
  } catch (error) {
    say(sentence(error), true);
  }
}

function Aliases(props: { aliases: Alias[]; changed: () => void }): JSX.Element {
  const movable = props.aliases.filter(({ alias }) => alias !== "latest");
  const back = async ({ model, alias, etag }: Alias) => {
    const address = `/v1/models/${model}/aliases/${alias}/rollback`;
    const work = send("POST", address, undefined, { "If-Match": etag });
    if (await tried(work, `${model}@${alias} is what it was before.`)) props.changed();
  };
  const remove = async ({ model, alias, etag }: Alias) => {
    const work = send("DELETE", `/v1/models/${model}/aliases/${alias}`, undefined, {
      "If-Match": etag,
    });
    if (await tried(work, `${alias} is removed; the version stays.`)) props.changed();
  };
  return (
    <section class="card">
      <h2>Aliases</h2>
      {movable.length === 0 && (
        <p class="quiet">
          None. Promote a version, and whoever asks for <code>name@stable</code> gets that one until
          you promote another.
        </p>
      )}
      <ul class="lines">
        {movable.map((alias) => (
          <li key={alias.alias}>
            <span class="grow">
              <span class="tag accent">{alias.alias}</span> is version {alias.version}{" "}
              <span class="quiet">
                since <When time={alias.history[0]?.at} />
              </span>
            </span>
            {alias.history.some((move) => move.from !== null && move.from !== alias.version) && (
              <button type="button" onClick={() => void back(alias)}>
                Roll back
              </button>
            )}
            <button class="bare danger" type="button" onClick={() => void remove(alias)}>
              Remove
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Origin({ model }: { model: NamedModel }): JSX.Element {
  const { id, name, images } = model.dataset;
  return (
    <section class="card">
      <h2>Where the newest comes from</h2>
      <Facts
        rows={[
          ["Training", model.job && <a href={to("jobs", model.job)}>{model.job}</a>],
          ["Data set", id ? <a href={to("data", String(id))}>{String(name ?? id)}</a> : ""],
          ["Images in it", images ? short(images) : ""],
          ["Steps", short(model.steps)],
          ["Classes", model.classes.join(", ")],
          ["Attributes", model.attributes.join(", ")],
          ["Same bytes", model.reproducibility],
          ["Digest", <code>{model.digest}</code>],
        ]}
      />
      <details>
        <summary>Lineage</summary>
        <Facts rows={Object.entries(flat(model.lineage))} />
      </details>
    </section>
  );
}
