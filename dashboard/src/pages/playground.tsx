/** Images by seed, and everything that an image can be asked for, live. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Job } from "../api/types";
import { useModel } from "../live/models";
import { usePicture } from "../live/picture";
import { useRecord } from "../live/poll";
import { addressOf, randomSeed, seedBeside, type Wish } from "../logic/images";
import { Beside } from "../parts/beside";
import { Empty, Unknown } from "../parts/bits";
import { Icon } from "../parts/icons";
import { LabelChoice, type Conditions } from "../parts/label_choice";
import { LatentTools, type Used } from "../parts/latent";
import { ModelChoice } from "../parts/model_choice";
import { Snippets } from "../parts/snippets";
import { Stage } from "../parts/stage";
import { rename, route, to, withQuery } from "../route";

const SIZES = ["", "64", "128", "256", "512"];
const GRIDS = [1, 4, 9, 16, 36, 64];
const SETTLED_MS = 300;
const ELSEWHERE = ["model", "seed", "n"]; // where a latent tool begins anew

export function Playground(): JSX.Element {
  const [wish, set] = useWish();
  const choice = useModel(wish.model);
  const [used, use] = useState<Used | null>(null);
  const asked = { ...wish, model: choice.reference };
  const address = choice.reference ? (used?.ask ?? addressOf)(asked) : null;
  const shown = usePicture(address);
  const conditions = useConditions(wish.model) ?? choice.model;

  useEffect(() => use(null), [choice.reference, wish.seed]);

  const change = (changes: Partial<Wish>) => {
    if (ELSEWHERE.some((name) => name in changes)) use(null);
    set({ ...wish, ...changes });
  };
  const turn = (next: Used | null) => {
    use(next);
    if (next && wish.n !== 1) set({ ...wish, n: 1 });
  };
  if (choice.ready && !choice.reference) return <Nothing />;
  if (choice.error && !choice.model)
    return <Unknown what="model" list="models" error={choice.error} />;
  return (
    <>
      <div class="head">
        <h1>Playground</h1>
        <div class="actions">
          <Snippets wish={asked} address={address ?? ""} />
        </div>
      </div>
      <div class="play">
        <div class="card stack">
          <ModelChoice choice={choice} choose={(model) => change({ model, label: "" })} />
          <Look wish={wish} change={change} conditions={conditions} />
          {choice.reference && <LatentTools wish={asked} used={used} use={turn} />}
        </div>
        <Stage
          shown={shown}
          choose={(seed) => change({ seed, n: 1 })}
          n={wish.n ?? 1}
          first={wish.seed}
        />
      </div>
    </>
  );
}

interface Fields {
  wish: Wish;
  change: (changes: Partial<Wish>) => void;
}

function Look(props: Fields & { conditions: Conditions | undefined }): JSX.Element {
  const { wish, change, conditions } = props;
  return (
    <>
      <Seed seed={wish.seed} choose={(seed) => change({ seed })} />
      <Psi psi={wish.psi ?? 1} choose={(psi) => change({ psi })} />
      {conditions && (
        <LabelChoice
          model={conditions}
          label={wish.label ?? ""}
          choose={(label) => change({ label })}
        />
      )}
      <Format wish={wish} change={change} />
    </>
  );
}

function Nothing(): JSX.Element {
  return (
    <>
      <div class="head">
        <h1>Playground</h1>
      </div>
      <Empty icon="play" title="There is no model to play with yet">
        <p>Five minutes of training on the drawn creatures are enough for a first one.</p>
        <a class="button primary" href={to("train")}>
          Train a model
        </a>
      </Empty>
    </>
  );
}

/** The wish, and the address that says it; an address that somebody else sets is a new wish. */
function useWish(): [Wish, (wish: Wish) => void] {
  const [wish, set] = useState(() => wished(route.value.query));
  const own = useRef("");
  useEffect(
    () =>
      route.watch(({ path, query }) => {
        if (path[0] === "play" && query.toString() !== own.current) set(wished(query));
      }),
    [],
  );
  useEffect(() => {
    const timer = window.setTimeout(() => {
      const { model, seed, label, psi, size, n } = wish;
      const told = { model, seed, label, psi: psi === 1 ? "" : psi, size, n: n === 1 ? "" : n };
      const address = withQuery(to("play"), told);
      own.current = address.split("?")[1] ?? "";
      if (route.value.path[0] === "play") rename(address);
    }, SETTLED_MS);
    return () => clearTimeout(timer);
  }, [wish]);
  return [wish, set];
}

function wished(query: URLSearchParams): Wish {
  return {
    model: query.get("model") ?? "",
    seed: query.get("seed") ?? "0",
    label: query.get("label") ?? "",
    psi: Number(query.get("psi") ?? 1),
    size: Number(query.get("size")) || undefined,
    n: Number(query.get("n")) || 1,
  };
}

/** Those of the training that `job:{id}` names. */
function useConditions(reference: string): Conditions | undefined {
  const id = /^job:([^@]+)/.exec(reference)?.[1];
  const { data: job } = useRecord<Job>(id ? `/v1/jobs/${id}` : null);
  const listed = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);
  const { classes, attributes } = job?.resolved ?? {};
  return job && { classes: listed(classes), attributes: listed(attributes) };
}

function Seed({ seed, choose }: { seed: string; choose: (seed: string) => void }): JSX.Element {
  return (
    <div class="field">
      <label for="seed">Seed: a number, or any text</label>
      <div class="seed">
        <Beside by={-1} next={seedBeside(seed, -1)} move={choose} />
        <input
          id="seed"
          value={seed}
          maxLength={256}
          autocomplete="off"
          onInput={(event) => event.currentTarget.value && choose(event.currentTarget.value)}
        />
        <Beside by={1} next={seedBeside(seed, 1)} move={choose} />
        <button
          class="icon"
          type="button"
          aria-label="Random seed"
          onClick={() => choose(randomSeed())}
        >
          <Icon name="dice" size={16} />
        </button>
      </div>
    </div>
  );
}

function Psi({ psi, choose }: { psi: number; choose: (psi: number) => void }): JSX.Element {
  return (
    <div class="field">
      <label for="psi">
        Truncation psi <output>{psi.toFixed(2)}</output>
      </label>
      <input
        id="psi"
        type="range"
        min={0}
        max={1}
        step={0.01}
        value={psi}
        onInput={(event) => choose(Number(event.currentTarget.value))}
      />
      <small>0: the most typical image. 1: all the variety.</small>
    </div>
  );
}

function Format({ wish, change }: Fields): JSX.Element {
  const numeric = /^\d+$/.test(wish.seed);
  return (
    <div class="pair">
      <div class="field">
        <label for="size">Size</label>
        <select
          id="size"
          value={String(wish.size ?? "")}
          onChange={(event) => change({ size: Number(event.currentTarget.value) || undefined })}
        >
          {SIZES.map((size) => (
            <option key={size} value={size}>
              {size ? `${size} px` : "as it is made"}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="n">Images</label>
        <select
          id="n"
          value={numeric ? wish.n : 1}
          disabled={!numeric}
          title={numeric ? undefined : "A text is one image"}
          onChange={(event) => change({ n: Number(event.currentTarget.value) })}
        >
          {GRIDS.map((n) => (
            <option key={n} value={n}>
              {n === 1 ? "one" : `grid of ${n}`}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}
