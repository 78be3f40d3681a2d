/** A wall of images that grows as it is scrolled; only the tiles in sight exist. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Model } from "../api/types";
import { lasting } from "../logic/images";
import { same, tiling, type Pick, type Picks } from "../logic/wall";
import { visible } from "../logic/windowing";
import { Icon } from "./icons";
import { ModelImage } from "./image";

const GAP = 6;
const LEAST = 112; // px of a tile
const PAGE = 40; // rows that are added when the end comes near
const GRAIN = 20; // px of scrolling between two looks

interface Props {
  model: Model;
  picks: Picks;
  favourites: Pick[];
  open: (pick: Pick) => void;
  mark: (pick: Pick) => void;
}

export function Wall(props: Props): JSX.Element {
  const { picks } = props;
  const frame = useRef<HTMLDivElement>(null);
  const [pages, grow] = useState(1);
  const width = useWidth(frame);
  const top = useScroll(frame);
  const { columns, side } = tiling(width, GAP, LEAST);
  const rows = Math.min(Math.ceil(picks.count / columns), pages * PAGE);
  const range = visible(top, window.innerHeight, side, rows, 2);
  useEffect(() => {
    if (range.end >= rows - 2 && rows * columns < picks.count) grow(pages + 1);
  }, [range.end, rows, columns, picks.count]);

  const first = range.first * columns;
  const count = width ? Math.max(Math.min(range.end * columns, picks.count) - first, 0) : 0;
  return (
    <div
      class="wall"
      ref={frame}
      style={{ height: `${rows * side}px` }}
      role="list"
      aria-label="Images"
    >
      {Array.from({ length: count }, (_, at) => {
        const place = first + at;
        const x = (place % columns) * side;
        const y = Math.floor(place / columns) * side;
        const pick = picks.at(place);
        const key = `${pick.seed} ${pick.label}`;
        return <Tile key={key} {...props} pick={pick} box={[x, y, side - GAP]} />;
      })}
    </div>
  );
}

/** `box`: left, top and side in px. */
function Tile(props: Props & { pick: Pick; box: [number, number, number] }): JSX.Element {
  const { model, pick, favourites, open, mark } = props;
  const { seed, label } = pick;
  const [left, top, side] = props.box;
  const marked = favourites.some((one) => same(one, pick));
  return (
    <div
      class="tile"
      role="listitem"
      style={{ left: `${left}px`, top: `${top}px`, width: `${side}px` }}
    >
      <button type="button" aria-label={`Seed ${seed}`} onClick={() => open(pick)}>
        <ModelImage
          address={lasting(model.name, model.version, seed, label ? { label } : {})}
          side={model.resolution}
          alt=""
        />
      </button>
      <button
        class="mark"
        type="button"
        aria-label={`Favourite: seed ${seed}`}
        aria-pressed={marked}
        onClick={() => mark(pick)}
      >
        <Icon name="star" size={15} />
      </button>
    </div>
  );
}

function useWidth(frame: { current: HTMLElement | null }): number {
  const [width, measure] = useState(0);
  useLayoutEffect(() => {
    const sized = new ResizeObserver(([entry]) => entry && measure(entry.contentRect.width));
    sized.observe(frame.current!);
    return () => sized.disconnect();
  }, []);
  return width;
}

/** How far the top of the element is above the top of the window, in px. */
function useScroll(frame: { current: HTMLElement | null }): number {
  const [top, scroll] = useState(0);
  useEffect(() => {
    let asked = 0;
    const look = () => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(() => {
        const box = frame.current?.getBoundingClientRect();
        if (box) scroll(Math.round(-box.top / GRAIN) * GRAIN);
      });
    };
    look();
    window.addEventListener("scroll", look, { passive: true });
    return () => {
      cancelAnimationFrame(asked);
      window.removeEventListener("scroll", look);
    };
  }, []);
  return top;
}
