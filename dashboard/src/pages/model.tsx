/** One model: its versions, where its aliases point, and what the version in sight was made from. */
import type { JSX } from "preact";
import { missing } from "../api/http";
import type { Alias, Model, NamedModel, Page } from "../api/types";
import { useRecord } from "../live/poll";
import { short } from "../logic/numbers";
import { Aliases } from "../parts/aliases";
import { Unknown } from "../parts/bits";
import { Origin } from "../parts/origin";
import { SeedImage } from "../parts/seed_image";
import { Versions } from "../parts/versions";
import { route, to, withQuery } from "../route";
import { useCell } from "../state";

const SHOWN = 24; // seeds
const SECONDS = 8;

export function ModelPage({ id: name }: { id: string }): JSX.Element {
  const asked = Number(useCell(route).query.get("version"));
  const known = useRecord<NamedModel>(`/v1/models/${name}`, SECONDS);
  const list = useRecord<Page<Model>>(`/v1/models/${name}/versions?limit=100`, SECONDS);
  const aliases = useRecord<Page<Alias>>(`/v1/models/${name}/aliases`, SECONDS);
  const newest = known.data;
  if (!newest || missing(known.error))
    return <Unknown what="model" list="models" error={known.error} />;
  const versions = list.data?.data ?? [newest];
  const model = versions.find(({ version }) => version === asked) ?? newest;
  const refresh = () => [known, list, aliases].forEach((each) => each.refresh());
  return (
    <>
      <Head model={model} />
      <div class="stack">
        <Images model={model} />
        <Versions versions={versions} shown={model.version} changed={refresh} />
        <div class="halves">
          <Aliases aliases={aliases.data?.data ?? []} changed={refresh} />
          <Origin model={model} />
        </div>
      </div>
    </>
  );
}

function Head({ model }: { model: Model }): JSX.Element {
  const reference = `${model.name}@${model.version}`;
  return (
    <div class="head">
      <h1>{model.name}</h1>
      <span class="quiet">
        {model.resolution} px, {model.architecture}, {short(model.parameters)} parameters
      </span>
      <div class="actions">
        <a class="button" href={withQuery(to("gallery"), { model: reference })}>
          Gallery
        </a>
        <a class="button primary" href={withQuery(to("play"), { model: reference })}>
          Play
        </a>
      </div>
    </div>
  );
}

function Images({ model }: { model: Model }): JSX.Element {
  return (
    <section class="card" aria-label={`Images of version ${model.version}`}>
      <div class="strip">
        {Array.from({ length: SHOWN }, (_, seed) => (
          <SeedImage key={`${model.version}/${seed}`} model={model} seed={String(seed)} />
        ))}
      </div>
    </section>
  );
}
