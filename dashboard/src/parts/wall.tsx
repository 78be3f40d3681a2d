/** A wall of images that grows as it is scrolled; only the tiles in sight exist. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Model } from "../api/types";
import { lasting } from "../logic/images";
import { tiling, type Seeds } from "../logic/wall";
import { visible } from "../logic/windowing";
import { Icon } from "./icons";
import { ModelImage } from "./image";

const GAP = 6;
const LEAST = 112; // px of a tile
const PAGE = 40; // rows that are added when the end comes near

interface Props {
  model: Model;
  label: string;
  seeds: Seeds;
  favourites: string[];
  open: (seed: string) => void;
}

export function Wall({ model, label, seeds, favourites, open }: Props): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const [width, measure] = useState(0);
  const [pages, grow] = useState(1);
  const top = useScroll(frame);

  useLayoutEffect(() => {
    const sized = new ResizeObserver(([entry]) => entry && measure(entry.contentRect.width));
    sized.observe(frame.current!);
    return () => sized.disconnect();
  }, []);

  const { columns, side } = tiling(width, GAP, LEAST);
  const rows = Math.min(Math.ceil(seeds.count / columns), pages * PAGE);
  const range = visible(top, window.innerHeight, side, rows, 2);
  useEffect(() => {
    if (range.end >= rows - 2 && rows * columns < seeds.count) grow(pages + 1);
  }, [range.end, rows, columns, seeds.count]);

  const first = range.first * columns;
  const end = Math.min(range.end * columns, seeds.count);
  const places = width
    ? Array.from({ length: Math.max(end - first, 0) }, (_, at) => first + at)
    : [];
  return (
    <div
      class="wall"
      ref={frame}
      style={{ height: `${rows * side}px` }}
      role="list"
      aria-label="Images"
    >
      {places.map((place) => {
        const seed = seeds.at(place);
        const [x, y] = [place % columns, Math.floor(place / columns)];
        const box = { left: `${x * side}px`, top: `${y * side}px`, width: `${side - GAP}px` };
        return (
          <div key={seed} class="tile" role="listitem" style={box}>
            <button type="button" aria-label={`Seed ${seed}`} onClick={() => open(seed)}>
              <ModelImage
                address={lasting(model.name, model.version, seed, label ? { label } : {})}
                side={model.resolution}
                alt=""
              />
            </button>
            {favourites.includes(seed) && (
              <span class="mark">
                <Icon name="star" size={15} />
              </span>
            )}
          </div>
        );
      })}
    </div>
  );
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
        if (box) scroll(Math.round(-box.top / 20) * 20);
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
