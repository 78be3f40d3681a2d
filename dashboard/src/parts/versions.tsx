/** The versions of a model: what each has reached, where it is loaded, and what may be done with it. */
import type { JSX } from "preact";
import { send } from "../api/http";
import type { Model, Page, WorkerInfo } from "../api/types";
import { useRecord } from "../live/poll";
import { bytes, short } from "../logic/numbers";
import { to, withQuery } from "../route";
import { When } from "./bits";
import { Promote } from "./promote";
import { start } from "./start";
import { tried } from "./toasts";

interface Row {
  model: Model;
  changed: () => void;
}

export function Versions(props: {
  versions: Model[];
  shown: number; // version whose images are above
  changed: () => void;
}): JSX.Element {
  const { data: workers } = useRecord<Page<WorkerInfo>>("/v1/workers", 4);
  const makers = workers?.data.filter((worker) => worker.queues.includes("generate"));
  return (
    <section class="card">
      <h2>Versions</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Versions, one a row">
        <table class="stacked">
          <Head />
          <tbody>
            {props.versions.map((model) => (
              <Version
                key={model.version}
                {...{ model, makers }}
                shown={model.version === props.shown}
                changed={props.changed}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Head(): JSX.Element {
  return (
    <thead>
      <tr>
        <th scope="col">Version</th>
        <th scope="col">Published</th>
        <th scope="col" class="number">
          Images shown
        </th>
        <th scope="col" class="number" title="How far its images are from yours: less is better">
          Distance (kd)
        </th>
        <th scope="col" class="number">
          Size
        </th>
        <th scope="col">Kept in memory</th>
        <th scope="col">
          <span class="unseen">What may be done</span>
        </th>
      </tr>
    </thead>
  );
}

function Version(props: Row & { shown: boolean; makers: WorkerInfo[] | undefined }): JSX.Element {
  const { model, shown, makers, changed } = props;
  const measured = model.evaluation?.metrics as Record<string, unknown> | undefined;
  return (
    <tr aria-current={shown ? "true" : undefined}>
      <td>
        <Named model={model} />
      </td>
      <td class="quiet" data-name="Published">
        <When time={model.created_at} />
      </td>
      <td class="number" data-name="Images shown">
        {short(model.kimg * 1000)}
      </td>
      <td
        class="number"
        data-name="Distance (kd)"
        title={measured ? "as evaluated" : "the training's own"}
      >
        {short(measured?.kd ?? model.metrics.kd)}
      </td>
      <td class="number" data-name="Size">
        {bytes(model.bytes)}
      </td>
      <td data-name="Kept in memory">
        <Kept {...{ model, makers, changed }} />
      </td>
      <td>
        <VersionActions model={model} changed={changed} />
      </td>
    </tr>
  );
}

function Named({ model }: { model: Model }): JSX.Element {
  return (
    <span class="row tight">
      <a href={withQuery(to("models", model.name), { version: model.version })}>
        version {model.version}
      </a>
      {model.aliased_as.map((alias) => (
        <span key={alias} class="tag accent" title={alias}>
          {alias}
        </span>
      ))}
    </span>
  );
}

/** Whether the generate workers keep it, and where it is loaded now. */
function Kept({ model, makers, changed }: Row & { makers: WorkerInfo[] | undefined }): JSX.Element {
  const { name, version, pinned } = model;
  const holders = makers?.filter(({ loaded }) => loaded.some((one) => one.digest === model.digest));
  const turn = async () => {
    const work = send(pinned ? "DELETE" : "PUT", `/v1/models/${name}/versions/${version}/pin`);
    const done = pinned
      ? `Version ${version} makes room when others need it.`
      : `Version ${version} is loaded now, and stays loaded.`;
    if (await tried(work, done)) changed();
  };
  return (
    <span class="kept">
      <button
        class="switch"
        type="button"
        role="switch"
        aria-checked={pinned}
        aria-label={`Version ${version} is kept in memory`}
        onClick={() => void turn()}
      />
      <small class="quiet">{holders && makers ? held(holders.length, makers.length) : ""}</small>
    </span>
  );
}

function held(holders: number, makers: number): string {
  if (holders === 0) return "not loaded";
  return makers === 1 ? "loaded" : `loaded by ${holders} of ${makers}`;
}

function VersionActions({ model, changed }: Row): JSX.Element {
  const own = `/v1/models/${model.name}/versions/${model.version}`;
  const reference = `${model.name}@${model.version}`;
  const remove = async () => {
    if (!confirm(`Delete version ${model.version} of ${model.name} for ever?`)) return;
    if (await tried(send("DELETE", own), `Version ${model.version} is deleted.`)) changed();
  };
  return (
    <div class="row end">
      <Promote model={model.name} version={model.version} changed={changed} />
      <button type="button" onClick={() => void start("/v1/evaluate", { model: reference })}>
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
