/** Ways through the latent space: a slice to drag in, a way between two seeds, directions. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useAbilities } from "../api/abilities";
import type { Direction, Page } from "../api/types";
import { useRecord } from "../live/poll";
import { useSettled } from "../live/settled";
import { addressOf, randomSeed, type Wish } from "../logic/images";
import { between, blended, corners, directed } from "../logic/latent";
import { clamp, percent } from "../logic/numbers";
import { Icon } from "./icons";

type Ask = (wish: Wish) => string; // the address of what a tool makes of a wish

export interface Used {
  tool: string;
  ask: Ask;
}

interface Tool {
  wish: Wish;
  show: (ask: Ask | null) => void;
  idle: boolean; // not in use: it stands where it begins
}

type Point = [number, number];
const MOVES: Record<string, Point> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const BETWEEN_SEEDS = ","; // in a blend, which a text with one can be no part of
const FRAMES = 48; // of the moving image
const KEY_STEP = 0.05;
const REACH = 3; // of a direction, both ways
const SHOWN = 8; // of the strongest

/** Those that this service offers. */
export function LatentTools(props: {
  wish: Wish;
  used: Used | null;
  use: (used: Used | null) => void;
}): JSX.Element {
  const { wish, used, use } = props;
  const { blend, interpolate, directions } = useAbilities();
  const tool = (name: string) => ({
    wish,
    idle: used?.tool !== name,
    show: (ask: Ask | null) => use(ask && { tool: name, ask }),
  });
  return (
    <>
      {blend && !wish.seed.includes(BETWEEN_SEEDS) && <Slice {...tool("slice")} />}
      {interpolate && <Interpolation {...tool("way")} />}
      {directions && <Directions {...tool("direction")} />}
    </>
  );
}

function Slice({ wish, show, idle }: Tool): JSX.Element {
  const [seeds, choose] = useState(() => corners(wish.seed));
  const [[x, y], move] = useState<Point>([0, 0]);
  const anew = () => {
    choose(corners(wish.seed));
    move([0, 0]);
  };
  useEffect(anew, [wish.seed, wish.model]);
  useEffect(() => (idle ? move([0, 0]) : undefined), [idle]);

  const go = (right: number, down: number) => {
    const at: Point = [clamp(right, 0, 1), clamp(down, 0, 1)];
    move(at);
    show((wish) => blended(wish, seeds, ...at));
  };
  return (
    <div class="field">
      <span class="label">
        A slice of the latent space: drag from the seed towards three others
      </span>
      <Pad x={x} y={y} go={go}>
        {seeds.map((seed) => (
          <Corner key={seed} address={addressOf({ ...wish, seed, n: 1 })} />
        ))}
      </Pad>
      <button type="button" onClick={() => (anew(), show(null))}>
        <Icon name="dice" size={15} />
        Other corners
      </button>
    </div>
  );
}

/** Not asked for while something is dragged: the image beside is. */
function Corner({ address }: { address: string }): JSX.Element {
  return <img src={useSettled(address)} alt="" draggable={false} />;
}

/** A square with a point in it that is dragged, or moved by the arrows. */
function Pad(props: {
  x: number;
  y: number;
  go: (x: number, y: number) => void;
  children: ComponentChildren;
}): JSX.Element {
  const { x, y, go } = props;
  const dragged = (event: PointerEvent) => {
    if (!event.buttons) return;
    const pad = event.currentTarget as HTMLElement;
    pad.setPointerCapture(event.pointerId);
    const box = pad.getBoundingClientRect();
    go((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  const pressed = (event: KeyboardEvent) => {
    const by = MOVES[event.key];
    if (!by) return;
    event.preventDefault();
    go(x + by[0] * KEY_STEP, y + by[1] * KEY_STEP);
  };
  const [right, down] = [x, y].map((part) => Math.round(part * 100));
  return (
    <div
      class="pad"
      role="application"
      tabIndex={0}
      aria-label={`Slice of the latent space, at ${right}, ${down} percent`}
      onPointerDown={dragged}
      onPointerMove={dragged}
      onKeyDown={pressed}
    >
      {props.children}
      <i style={{ left: `${right}%`, top: `${down}%` }} />
    </div>
  );
}

function Interpolation({ wish, show, idle }: Tool): JSX.Element {
  const [target, aim] = useState(randomSeed);
  const [t, move] = useState(0);
  useEffect(() => (idle ? move(0) : undefined), [idle]);
  const go = (at: number, to = target) => {
    move(at);
    show(at === 0 ? null : (wish) => between(wish, to, { t: at }));
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
        <a class="button" href={between(wish, target, { frames: FRAMES })} target="_blank">
          As a moving image
        </a>
      </div>
    </div>
  );
}

function Directions({ wish, show, idle }: Tool): JSX.Element | null {
  const model = wish.model.includes(":") ? "" : wish.model; // a job's checkpoints have none
  const known = useRecord<Page<Direction>>(model ? `/v1/models/${model}/directions` : null);
  const [[at, amount], move] = useState<[string, number]>(["", 0]);
  useEffect(() => (idle ? move(["", 0]) : undefined), [idle]);
  const all = (known.data?.data ?? []).slice(0, SHOWN);
  if (!all.length) return null;
  const go = (direction: string, value: number) => {
    move([direction, value]);
    show(value === 0 ? null : (wish) => directed(wish, direction, value));
  };
  return (
    <fieldset class="stack tight">
      <legend>Directions in which its images change most</legend>
      {all.map(({ index, share }) => {
        const id = String(index);
        return (
          <label key={id} class="direction" title={`Explains ${percent(share)} of the changes`}>
            <span>
              {index + 1} <small class="quiet">{percent(share)}</small>
            </span>
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
