/** The curves of one job or several, with smoothing, a logarithmic scale and a choice of x. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Series } from "../api/types";
import { look, view as looks, type View } from "../live/view";
import {
  across,
  aligned,
  apart,
  grouped,
  lastOf,
  seldom,
  smoothed,
  UNITS,
  type Axis,
  type Group,
} from "../logic/curves";
import { short } from "../logic/numbers";
import { useCell } from "../state";
import { Figure, Segments } from "./bits";
import { Chart, type Line } from "./chart";

const AXES = [
  ["step", "steps"],
  ["kimg", "images"],
  ["seconds", "time"],
] as const;
const NAMES = Object.fromEntries(AXES) as Record<Axis, string>;

export interface Source {
  name: string;
  series: Series;
}

/** `moment`: the step that the slider of the samples stands at. */
export function Curves(props: { sources: Source[]; moment?: number }): JSX.Element | null {
  const view = useCell(looks);
  const charts = useMemo(() => chartsOf(props.sources), [props.sources]);
  const rare = ({ names }: Group) => props.sources.every(({ series }) => seldom(series, names));
  const once = charts.filter(rare);
  const only = props.sources.length === 1 ? props.sources[0] : undefined;
  const often = charts.filter((chart) => !rare(chart));
  if (!charts.length) return null;
  return (
    <section class="stack" aria-label="Curves">
      <Controls view={view} set={look} />
      {once.length > 0 && only && <Once series={only.series} charts={once} />}
      <div class="charts">
        {often.map((chart) => (
          <Drawn key={chart.title} {...props} {...chart} view={view} />
        ))}
      </div>
    </section>
  );
}

/** Of several sources each metric has a chart of its own. */
function chartsOf(sources: Source[]): Group[] {
  const names = [...new Set(sources.flatMap(({ series }) => Object.keys(series.series)))];
  if (sources.length === 1) return grouped(names);
  return grouped(names).flatMap(apart);
}

/** What was measured but once is a figure, no curve. */
function Once({ series, charts }: { series: Series; charts: Group[] }): JSX.Element {
  return (
    <dl class="figures">
      {charts.flatMap(apart).map(({ title, names }) => (
        <Figure key={title} name={title}>
          {short(lastOf(series, names[0]!))}
        </Figure>
      ))}
    </dl>
  );
}

function Controls(props: { view: View; set: (change: Partial<View>) => void }): JSX.Element {
  const { view, set } = props;
  return (
    <div class="row apart">
      <h2>Curves</h2>
      <div class="row">
        <Segments
          label="Horizontal axis"
          choices={AXES}
          chosen={view.axis}
          choose={(axis) => set({ axis })}
        />
        <label class="inline">
          Smoothing
          <input
            type="range"
            min={0}
            max={0.98}
            step={0.02}
            value={view.smoothing}
            onInput={(event) => set({ smoothing: Number(event.currentTarget.value) })}
          />
        </label>
        <button
          type="button"
          aria-pressed={view.logarithmic}
          onClick={() => set({ logarithmic: !view.logarithmic })}
        >
          Log scale
        </button>
      </div>
    </div>
  );
}

function Drawn(props: {
  sources: Source[];
  title: string;
  names: string[];
  view: View;
  moment?: number;
}): JSX.Element {
  const { sources, title, names, view, moment } = props;
  const key = names.join();
  const [x, lines] = useMemo(
    () => drawn(sources, names, view),
    [sources, key, view.axis, view.smoothing],
  );
  const mark = useMemo(() => {
    const first = sources[0]?.series;
    if (!first || moment === undefined) return undefined;
    const place = first.steps.findLastIndex((step) => step <= moment);
    return across(first, view.axis)[place];
  }, [sources, moment, view.axis]);
  return (
    <Chart
      title={title}
      x={x}
      lines={lines}
      logarithmic={view.logarithmic}
      mark={mark}
      axis={NAMES[view.axis]}
      unit={UNITS[view.axis]}
    />
  );
}

function drawn(sources: Source[], names: string[], view: View): [number[], Line[]] {
  const wanted = sources.flatMap((source, colour) =>
    names.flatMap((name, place) => {
      const raw = source.series.series[name]?.mean;
      if (!raw) return [];
      const label = sources.length > 1 ? source.name : name;
      const x = across(source.series, view.axis);
      const line = { name: label, colour: sources.length > 1 ? colour : place };
      return [{ line, x, raw, y: smoothed(raw, view.smoothing) }];
    }),
  );
  const [x, ...columns] = aligned([...wanted, ...wanted.map(({ x, raw }) => ({ x, y: raw }))]);
  const lines = wanted.map(({ line, raw, y }, place) => ({
    ...line,
    values: columns[place]!,
    raw: y === raw ? undefined : columns[wanted.length + place],
  }));
  return [x, lines];
}
