/** Ways through the latent space: a slice to drag in, a way between two seeds, directions. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useRecord } from "../live/poll";
import { randomSeed, type Wish } from "../logic/images";
import { between, blended, corners, directed } from "../logic/latent";
import { clamp } from "../logic/numbers";
import { Icon } from "./icons";

interface Props {
  wish: Wish;
  show: (address: string | null) => void;
}

const FRAMES = 48; // of the moving image
const KEY_STEP = 0.05;
const REACH = 3; // of a direction, both ways

export function Slice({ wish, show }: Props): JSX.Element {
  const [seeds, choose] = useState(() => corners(wish.seed));
  const [[x, y], move] = useState([0, 0]);
  useEffect(() => {
    choose(corners(wish.seed));
    move([0, 0]);
  }, [wish.seed, wish.model]);

  const go = (right: number, down: number) => {
    const at: [number, number] = [clamp(right, 0, 1), clamp(down, 0, 1)];
    move(at);
    show(blended(wish, seeds, ...at));
  };
  const dragged = (event: PointerEvent) => {
    if (!event.buttons) return;
    const pad = event.currentTarget as HTMLElement;
    pad.setPointerCapture(event.pointerId);
    const box = pad.getBoundingClientRect();
    go((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  const pressed = (event: KeyboardEvent) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const [right, down] = by[event.key as keyof typeof by] ?? [0, 0];
    if (!right && !down) return;
    event.preventDefault();
    go(x + right! * KEY_STEP, y + down! * KEY_STEP);
  };
  return (
    <div class="field">
      <span class="label">
        A slice of the latent space: drag from the seed towards three others
      </span>
      <div
        class="pad"
        role="application"
        tabIndex={0}
        aria-label={`Slice of the latent space, at ${Math.round(x * 100)}, ${Math.round(y * 100)} percent`}
        onPointerDown={dragged}
        onPointerMove={dragged}
        onKeyDown={pressed}
      >
        <i style={{ left: `${x * 100}%`, top: `${y * 100}%` }} />
      </div>
      <button type="button" onClick={() => (choose(corners(wish.seed)), move([0, 0]), show(null))}>
        <Icon name="dice" size={15} />
        Other corners
      </button>
    </div>
  );
}

export function Interpolation({ wish, show }: Props): JSX.Element {
  const [target, aim] = useState(randomSeed);
  const [t, move] = useState(0);
  useEffect(() => move(0), [wish.seed, wish.model]);
  const go = (at: number, to = target) => {
    move(at);
    show(at === 0 ? null : between(wish, to, { t: at }));
  };
  const shake = () => {
    const next = randomSeed();
    aim(next);
    go(t, next);
  };
  return (
    <div class="field">
      <label for="way">From this seed to seed {target}</label>
      <input
        id="way"
        type="range"
        min={0}
        max={1}
        step={0.01}
        value={t}
        onInput={(event) => go(Number(event.currentTarget.value))}
      />
      <div class="row">
        <button type="button" onClick={shake}>
          <Icon name="dice" size={15} />
          Another
        </button>
        <a class="button" href={between(wish, target, { frames: FRAMES })}>
          As a moving image
        </a>
      </div>
    </div>
  );
}

interface Direction {
  id?: string | number;
  name?: string;
}

export function Directions({ wish, show }: Props): JSX.Element | null {
  const [name = "", version] = wish.model.split("@");
  const path = name && !name.includes(":") ? `/v1/models/${name}/directions` : null;
  const known = useRecord<{ data: Direction[] }>(
    path && version ? `${path}?version=${version}` : path,
  );
  const [[at, amount], move] = useState<[string, number]>(["", 0]);
  useEffect(() => move(["", 0]), [wish.seed, wish.model]);
  const all = known.data?.data ?? [];
  if (!all.length) return null;
  const go = (direction: string, value: number) => {
    move([direction, value]);
    show(value === 0 ? null : directed(wish, direction, value));
  };
  return (
    <fieldset class="stack tight">
      <legend>Directions</legend>
      {all.map((direction, place) => {
        const id = String(direction.id ?? place);
        return (
          <label key={id} class="inline">
            {direction.name ?? id}
            <input
              type="range"
              min={-REACH}
              max={REACH}
              step={0.1}
              value={id === at ? amount : 0}
              onInput={(event) => go(id, Number(event.currentTarget.value))}
            />
          </label>
        );
      })}
    </fieldset>
  );
}
