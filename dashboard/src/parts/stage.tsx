/** The image of the playground on a canvas, with how long it took and where it came from. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Shown } from "../live/picture";
import { timings } from "../logic/images";
import { seedAt } from "../logic/samples";
import { Failure } from "./bits";
import { sharpness } from "./image";

const CACHED: Record<string, string> = {
  hit: "from the cache",
  miss: "made just now",
  coalesced: "made with an equal request",
  browser: "from the browser",
};

interface Props {
  shown: Shown;
  n: number;
  first: string;
  choose: (seed: string) => void;
}

export function Stage({ shown, n, first, choose }: Props): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { bitmap } = shown;
  useEffect(() => {
    if (!bitmap || !canvas.current) return;
    canvas.current.width = bitmap.width;
    canvas.current.height = bitmap.height;
    canvas.current.getContext("2d")!.drawImage(bitmap, 0, 0);
  }, [bitmap]);

  const columns = Math.ceil(Math.sqrt(n));
  const pick = (event: MouseEvent) => {
    if (n === 1) return;
    const box = canvas.current!.getBoundingClientRect();
    const place = seedAt(event.clientX - box.left, event.clientY - box.top, box.width, columns);
    if (place < n) choose(String(Number(first) + place));
  };
  return (
    <section class="card stage" aria-label="Image" aria-busy={shown.bitmap === undefined}>
      <canvas
        ref={canvas}
        class={`${sharpness((bitmap?.width ?? 0) / columns)} ${n > 1 ? "pick" : ""}`}
        role="img"
        aria-label={shown.seed ? `Image of seed ${shown.seed}` : "No image yet"}
        onClick={pick}
        hidden={!bitmap}
      />
      {!bitmap && <div class="picture pulse" />}
      <Failure error={shown.error} />
      <Making shown={shown} />
    </section>
  );
}

/** What was asked for, and how long it took. */
function Making({ shown }: { shown: Shown }): JSX.Element | null {
  if (shown.milliseconds === undefined) return null;
  return (
    <p class="timing" aria-label="How it was made">
      <span>seed {shown.seed}</span>
      <span>{shown.model}</span>
      <span>{Math.round(shown.milliseconds)} ms in all</span>
      {timings(shown.timing ?? null).map(([name, value]) => (
        <span key={name}>
          {name} {value}
        </span>
      ))}
      <span>{CACHED[shown.cache ?? ""] ?? shown.cache}</span>
    </p>
  );
}
