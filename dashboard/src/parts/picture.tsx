/** One image of the gallery, large, with what is known of it. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Model } from "../api/types";
import { lasting, MAX_SEED } from "../logic/images";
import type { Pick } from "../logic/wall";
import { to, withQuery } from "../route";
import { Copy, Facts } from "./bits";
import { Icon, type IconName } from "./icons";
import { ModelImage } from "./image";

interface Props {
  model: Model;
  pick: Pick;
  favourite: boolean;
  mark: () => void;
  move: (pick: Pick) => void;
  close: () => void;
}

export function Picture(props: Props): JSX.Element {
  const { model, move, close, mark } = props;
  const { seed, label } = props.pick;
  const dialog = useRef<HTMLDialogElement>(null);
  const address = lasting(model.name, model.version, seed, label ? { label } : {});
  useEffect(() => dialog.current?.showModal(), []);

  const step = (by: number) => {
    const next = Number(seed) + by;
    if (Number.isInteger(next) && next >= 0 && next <= MAX_SEED)
      move({ seed: String(next), label });
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
    if (event.key === "s" && !event.ctrlKey && !event.metaKey) mark();
  };
  const shut = () => dialog.current?.close();
  return (
    <dialog
      ref={dialog}
      aria-label={`Seed ${seed}`}
      onClose={close}
      onKeyDown={pressed}
      onClick={(event) => event.target === dialog.current && shut()}
    >
      <div class="shown">
        <ModelImage address={address} side={model.resolution} alt={`Image of seed ${seed}`} />
        <div class="stack">
          <div class="row">
            <h2 class="grow">Seed {seed}</h2>
            <Press icon="left" name="Earlier seed" press={() => step(-1)} />
            <Press icon="right" name="Later seed" press={() => step(1)} />
            <Press icon="close" name="Close" press={shut} />
          </div>
          <Known {...props} address={address} />
        </div>
      </div>
    </dialog>
  );
}

function Press(props: { icon: IconName; name: string; press: () => void }): JSX.Element {
  return (
    <button class="icon bare" type="button" aria-label={props.name} onClick={props.press}>
      <Icon name={props.icon} />
    </button>
  );
}

function Known(props: Props & { address: string }): JSX.Element {
  const { model, favourite, mark, address } = props;
  const { seed, label } = props.pick;
  const reference = `${model.name}@${model.version}`;
  return (
    <>
      <Facts
        rows={[
          ["Model", <a href={to("models", model.name)}>{reference}</a>],
          ["Label", label || (model.classes.length ? "what the seed means" : "")],
          ["Size", `${model.resolution} × ${model.resolution}`],
          ["Same bytes", model.reproducibility],
          ["Digest", <code>{model.digest.slice(0, 16)}</code>],
        ]}
      />
      <div class="row">
        <button type="button" aria-pressed={favourite} title="Or the key s" onClick={mark}>
          <Icon name="star" size={15} />
          {favourite ? "Favourite" : "Mark"}
        </button>
        <a class="button" href={withQuery(address, { download: 1 })}>
          Save
        </a>
        <Copy text={location.origin + address} what="URL" />
        <a class="button primary" href={withQuery(to("play"), { model: reference, seed, label })}>
          Play with it
        </a>
      </div>
    </>
  );
}
