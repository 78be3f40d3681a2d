/** The models, each with images of its newest version; import of an archive. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { sentence } from "../api/http";
import { keyOf, Transfer } from "../api/transfer";
import type { Model, Page } from "../api/types";
import { becomeModel } from "../api/upload";
import { useRecord } from "../live/poll";
import { percent, short } from "../logic/numbers";
import { Empty, Failure, Loading, When } from "../parts/bits";
import { say } from "../parts/toasts";
import { go, to, withQuery } from "../route";

export function Models(): JSX.Element {
  const list = useRecord<Page<Model>>("/v1/models?limit=200", 8);
  const models = list.data?.data;
  return (
    <>
      <div class="head">
        <h1>Models</h1>
        <div class="actions">
          <Import />
          <a class="button primary" href={to("train")}>
            New training
          </a>
        </div>
      </div>
      <Failure error={list.error} />
      {!models && !list.error && <Loading what="the models" />}
      {models?.length === 0 && (
        <Empty icon="models" title="No models yet">
          <p>
            Each training publishes one here when it ends, and every further one of its name a new
            version.
          </p>
          <a class="button primary" href={to("train")}>
            Train the first
          </a>
        </Empty>
      )}
      {!!models?.length && (
        <div class="cards">
          {models.map((model) => (
            <Card key={model.name} model={model} />
          ))}
        </div>
      )}
    </>
  );
}

function Card({ model }: { model: Model }): JSX.Element {
  const address = to("models", model.name);
  return (
    <article class="card">
      <a class="cover" href={address} tabIndex={-1} aria-hidden="true">
        <img
          class="pixels"
          src={`/v1/models/${model.name}/versions/${model.version}/samples.png`}
          alt=""
          loading="lazy"
        />
      </a>
      <div class="body">
        <h2 class="break">
          <a href={address}>{model.name}</a> <span class="quiet">v{model.version}</span>
        </h2>
        <p class="quiet">
          {model.resolution} px, {model.architecture}, {short(model.kimg * 1000)} images shown
        </p>
        <p class="row">
          {model.aliased_as.map((alias) => (
            <span key={alias} class="tag accent">
              {alias}
            </span>
          ))}
        </p>
        <p class="row apart quiet">
          <When time={model.created_at} />
          <span class="row">
            <a href={withQuery(to("gallery"), { model: model.name })}>Gallery</a>
            <a href={withQuery(to("play"), { model: model.name })}>Play</a>
          </span>
        </p>
      </div>
    </article>
  );
}

/** Takes a model in from an archive that another service has exported. */
function Import(): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  const [busy, work] = useState("");
  const take = async (file: File | undefined) => {
    if (!file) return;
    const key = keyOf([{ file, path: file.name }]);
    const transfer = new Transfer(file, key, ({ sent, total }) => work(percent(sent / total)));
    try {
      const { name, version } = await becomeModel(transfer);
      say(`Took in ${name}, version ${version}.`);
      if (input.current) go(to("models", name)); // unless another page is looked at by now
    } catch (error) {
      say(sentence(error), true);
    }
    work("");
  };
  return (
    <>
      <button type="button" disabled={busy !== ""} onClick={() => input.current!.click()}>
        {busy ? `Taking it in … ${busy}` : "Import"}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept=".zip"
        aria-label="Archive of a model"
        onChange={(event) => {
          void take(event.currentTarget.files?.[0]);
          event.currentTarget.value = ""; // the same once more is a choice, too
        }}
      />
    </>
  );
}
