/** One image of the gallery, large, with what is known of it. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Model } from "../api/types";
import { lasting } from "../logic/images";
import type { Pick } from "../logic/wall";
import { to, withQuery } from "../route";
import { Beside } from "./beside";
import { Copy, Facts } from "./bits";
import { Icon } from "./icons";
import { ModelImage } from "./image";

interface Props {
  model: Model;
  pick: Pick;
  favourite: boolean;
  mark: () => void;
  beside: (by: 1 | -1) => Pick | undefined; // of the wall behind it
  move: (pick: Pick) => void;
  close: () => void;
}

export function Picture(props: Props): JSX.Element {
  const { model, beside, move, close, mark } = props;
  const { seed, label } = props.pick;
  const dialog = useRef<HTMLDialogElement>(null);
  const address = lasting(model.name, model.version, seed, label ? { label } : {});
  useEffect(() => dialog.current?.showModal(), []);

  const show = (next: Pick | undefined) => next && move(next);
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") show(beside(-1));
    if (event.key === "ArrowRight") show(beside(1));
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
            <Beside by={-1} next={beside(-1)} move={move} />
            <Beside by={1} next={beside(1)} move={move} />
            <button class="icon bare" type="button" aria-label="Close" onClick={shut}>
              <Icon name="close" />
            </button>
          </div>
          <Known {...props} address={address} />
        </div>
      </div>
    </dialog>
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
