/** The sample grid with its time slider: the same seeds, from noise to what they are now. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Sample } from "../api/types";
import { clamp } from "../logic/numbers";
import { COLUMNS, sampleAt, seedAt, seedText } from "../logic/samples";
import { Icon } from "./icons";

const FRAME_MS = 180;

interface Props {
  none: string; // what is told where there are no images
  samples: Sample[];
  place: number; // of the sample that is shown
  move: (place: number) => void;
  told: (sample: Sample) => string; // when it was drawn
  labels: string[] | null; // of its images
  open: (seed: number) => void;
}

/** Which sample is shown: the newest, until somebody moves the slider back. */
export function usePlace(samples: Sample[]): [number, (place: number) => void] {
  const [step, hold] = useState<number | null>(null);
  const last = samples.length - 1;
  const place = step === null ? last : sampleAt(samples, step);
  const move = (next: number) => {
    const to = clamp(next, 0, Math.max(last, 0));
    hold(to === last ? null : (samples[to]?.step ?? null));
  };
  return [place, move];
}

export function Watch(props: Props): JSX.Element {
  const { none, samples, labels, place, move, told, open } = props;
  const shown = samples[place];
  if (!shown) {
    return (
      <div class="grid-frame">
        <p class="quiet">{none}</p>
      </div>
    );
  }
  return (
    <div>
      <Grid sample={shown} labels={labels} open={open} />
      <Player count={samples.length} place={place} move={move} told={told(shown)} />
      <Preload samples={samples} place={place} />
    </div>
  );
}

const MOVES: Record<string, number> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  ArrowUp: -COLUMNS,
  ArrowDown: COLUMNS,
};

/** 8 x 8 images; the one under the pointer or the arrows is framed, a click or Enter opens its seed. */
export function Grid(props: {
  sample: Sample;
  labels: string[] | null;
  open: (seed: number) => void;
}): JSX.Element {
  const [seed, chosen] = useChosen(props.open);
  const named = seed === null ? undefined : seedText(seed, props.labels);
  return (
    <div
      class="grid-frame"
      role="button"
      tabIndex={0}
      aria-label={named ?? "Images: arrows choose, Enter opens"}
      {...chosen}
      title={named && `${named}: open in the playground`}
    >
      <img
        class="pixels"
        src={props.sample.url}
        alt={`Images of the seeds 0 to 63 at step ${props.sample.step}`}
        draggable={false}
      />
      {seed !== null && <Mark seed={seed} />}
      {seed !== null && props.labels && <span class="told">{named}</span>}
    </div>
  );
}

/** The seed under the pointer or the arrows, and what finds it. */
function useChosen(open: (seed: number) => void) {
  const [seed, point] = useState<number | null>(null);
  const at = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return seedAt(event.clientX - box.left, event.clientY - box.top, box.width);
  };
  const pressed = (event: KeyboardEvent) => {
    const by = MOVES[event.key];
    if (by !== undefined) {
      event.preventDefault();
      point(clamp((seed ?? 0) + by, 0, COLUMNS ** 2 - 1));
    } else if ((event.key === "Enter" || event.key === " ") && seed !== null) {
      event.preventDefault();
      open(seed);
    }
  };
  const found = {
    onKeyDown: pressed,
    onMouseMove: (event: MouseEvent) => point(at(event)),
    onMouseLeave: () => point(null),
    onClick: (event: MouseEvent) => open(at(event)),
  };
  return [seed, found] as const;
}

function Mark({ seed }: { seed: number }): JSX.Element {
  const side = `${100 / COLUMNS}%`;
  const left = `${((seed % COLUMNS) / COLUMNS) * 100}%`;
  const top = `${(Math.floor(seed / COLUMNS) / COLUMNS) * 100}%`;
  return <span class="mark" style={{ left, top, width: side, height: side }} />;
}

/** The slider, with a button that moves it by itself. */
export function Player(props: {
  count: number;
  place: number;
  move: (place: number) => void;
  told: string;
}): JSX.Element {
  const { count, place, move, told } = props;
  const last = count - 1;
  const [playing, press] = usePlaying(place, last, move);
  return (
    <div class="slider">
      <button
        class="icon"
        type="button"
        aria-label={playing ? "Stop" : "Play"}
        onClick={press}
        disabled={count < 2}
      >
        <Icon name={playing ? "pause" : "start"} size={16} />
      </button>
      <input
        type="range"
        aria-label="Moment of the training"
        aria-valuetext={told}
        min={0}
        max={Math.max(last, 0)}
        value={place}
        onInput={(event) => move(Number(event.currentTarget.value))}
        onKeyDown={(event) => {
          if (event.key !== " " || count < 2) return;
          event.preventDefault();
          press();
        }}
      />
      <output>{told}</output>
    </div>
  );
}

/** Whether it moves by itself, and what starts and stops that. */
function usePlaying(
  place: number,
  last: number,
  move: (place: number) => void,
): [boolean, () => void] {
  const [playing, play] = useState(false);
  useEffect(() => {
    if (!playing) return;
    if (place >= last) return play(false);
    const timer = window.setTimeout(() => move(place + 1), FRAME_MS);
    return () => clearTimeout(timer);
  }, [playing, place, last]);
  const press = () => {
    if (!playing && place >= last) move(0);
    play(!playing);
  };
  return [playing, press];
}

/** The grids beside the one that is shown, so that sliding does not flicker. */
function Preload({ samples, place }: { samples: Sample[]; place: number }): null {
  useEffect(() => {
    for (const sample of samples.slice(Math.max(place - 3, 0), place + 8)) {
      new Image().src = sample.url;
    }
  }, [samples, place]);
  return null;
}
