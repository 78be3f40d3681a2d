/** One image of the gallery, large, with what is known of it. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Model } from "../api/types";
import { lasting, seedBeside } from "../logic/images";
import { to, withQuery } from "../route";
import { Beside } from "./beside";
import { Copy, Facts } from "./bits";
import { Icon } from "./icons";
import { ModelImage } from "./image";

interface Props {
  model: Model;
  label: string;
  seed: string;
  favourite: boolean;
  mark: () => void;
  move: (seed: string) => void;
  close: () => void;
}

export function Picture(props: Props): JSX.Element {
  const { model, label, seed, move, close } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const address = lasting(model.name, model.version, seed, label ? { label } : {});
  useEffect(() => dialog.current?.showModal(), []);

  const step = (by: number) => {
    const next = seedBeside(seed, by);
    if (next) move(next);
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
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
            <Beside seed={seed} by={-1} move={move} />
            <Beside seed={seed} by={1} move={move} />
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
  const { model, label, seed, favourite, mark, address } = props;
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
        <button type="button" aria-pressed={favourite} onClick={mark}>
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
