/** Requests for images: how many, how quick, how many from the cache. */
import type { JSX } from "preact";
import { percent, short } from "../logic/numbers";
import { duration } from "../logic/time";
import { course, lately, line, type Reading } from "../logic/traffic";
import { Figure } from "./bits";

const LATELY_S = 60;
const WIDTH = 120;
const HEIGHT = 22; // px

export function TrafficFigures({ readings }: { readings: Reading[] }): JSX.Element {
  const now = lately(readings, LATELY_S);
  return (
    <dl class="figures">
      <Figure name="Images a second">
        {short(now?.images)} {now && <small>of {short(now.requests)} requests</small>}
        <Spark values={course(readings)} />
      </Figure>
      <Figure name="Time of an image, p50">{quick(now?.half)}</Figure>
      <Figure name="p99">{quick(now?.most)}</Figure>
      <Figure name="From the cache">
        {now && now.kept !== null ? percent(now.kept) : "–"}
        {!!now?.refused && <small class="late"> {short(now.refused)} refused</small>}
      </Figure>
    </dl>
  );
}

/** 1.24 ms, 3 s. */
function quick(seconds: number | null | undefined): string {
  const few = seconds !== null && seconds !== undefined && seconds < 1;
  return few ? `${short(seconds * 1000)} ms` : duration(seconds);
}

function Spark({ values }: { values: number[] }): JSX.Element | null {
  if (values.length < 2) return null;
  const highest = short(Math.max(...values));
  return (
    <svg
      class="spark"
      viewBox={`0 -1 ${WIDTH} ${HEIGHT + 2}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Images a second since this page was opened, at most ${highest}`}
    >
      <polyline points={line(values, WIDTH, HEIGHT)} vector-effect="non-scaling-stroke" />
    </svg>
  );
}
