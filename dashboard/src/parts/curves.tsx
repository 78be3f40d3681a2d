/** The curves of one job or several, with smoothing, a logarithmic scale and a choice of x. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Series } from "../api/types";
import { across, aligned, grouped, smoothed, type Axis } from "../logic/curves";
import { short } from "../logic/numbers";
import { duration } from "../logic/time";
import { remember, remembered } from "../storage";
import { Segments } from "./bits";
import { Chart, type Line } from "./chart";

const AXES = [
  ["step", "steps"],
  ["kimg", "images"],
  ["seconds", "time"],
] as const;
const UNITS: Record<Axis, (x: number) => string> = {
  step: (x) => short(x),
  kimg: (x) => short(x * 1000),
  seconds: (x) => duration(x),
};

export interface Source {
  name: string;
  series: Series;
}

interface View {
  axis: Axis;
  smoothing: number;
  logarithmic: boolean;
}

/** `moment`: the step that the slider of the samples stands at. */
export function Curves(props: { sources: Source[]; moment?: number }): JSX.Element | null {
  const [view, look] = useState<View>(() =>
    remembered("curves", { axis: "kimg" as Axis, smoothing: 0.6, logarithmic: false }),
  );
  const set = (change: Partial<View>) => {
    const next = { ...view, ...change };
    look(next);
    remember("curves", next);
  };
  const names = useMemo(
    () => [...new Set(props.sources.flatMap(({ series }) => Object.keys(series.series)))],
    [props.sources],
  );
  const several = props.sources.length > 1;
  const charts = several
    ? grouped(names).flatMap((chart) => chart.names.map((name) => ({ title: name, names: [name] })))
    : grouped(names);
  if (!charts.length) return null;
  return (
    <section class="stack" aria-label="Curves">
      <Controls view={view} set={set} />
      <div class="charts">
        {charts.map((chart) => (
          <Drawn key={chart.title} {...props} {...chart} view={view} />
        ))}
      </div>
    </section>
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
          log
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
      unit={UNITS[view.axis]}
    />
  );
}

function drawn(sources: Source[], names: string[], view: View): [number[], Line[]] {
  const wanted = sources.flatMap((source, colour) =>
    names.flatMap((name, place) => {
      const values = source.series.series[name];
      if (!values) return [];
      const label = sources.length > 1 ? source.name : name;
      const line = { name: label, colour: sources.length > 1 ? colour : place };
      return [
        { line, x: across(source.series, view.axis), y: smoothed(values.mean, view.smoothing) },
      ];
    }),
  );
  const [x, ...columns] = aligned(wanted);
  return [x, wanted.map(({ line }, place) => ({ ...line, values: columns[place]! }))];
}
