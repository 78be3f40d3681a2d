/** One chart: uPlot with our colours, a common cursor, and a mark at the moment of the slider. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { marks, short } from "../logic/numbers";
import { FEW, type Column } from "../logic/curves";
import { useCell } from "../state";
import { dark } from "../theme";

const LIGHT = [
  "#5046c8",
  "#c2410c",
  "#0f766e",
  "#be185d",
  "#4d7c0f",
  "#0369a1",
  "#a16207",
  "#6b7280",
];
const DARK = [
  "#a29cff",
  "#fb923c",
  "#2dd4bf",
  "#f472b6",
  "#a3e635",
  "#38bdf8",
  "#facc15",
  "#9ca3af",
];
const HEIGHT = 200;
const FAINT = "55"; // opacity, hexadecimal

export interface Line {
  name: string;
  values: Column;
  raw?: Column; // what was measured, where `values` are smoothed: drawn faintly, and told
  colour?: number; // a place in the palette
  dashed?: boolean;
}

interface Props {
  title: string;
  x: number[];
  lines: Line[];
  logarithmic: boolean;
  mark?: number; // an x
  axis: string; // what x is
  unit: (x: number) => string;
}

export function colour(place: number): string {
  const palette = dark.value ? DARK : LIGHT;
  return palette[place % palette.length]!;
}

export function Chart(props: Props): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const mark = useRef(props.mark);
  const shade = useCell(dark);
  const names = props.lines.map(({ name, raw }) => `${name} ${!!raw}`).join("\n");
  mark.current = props.mark;

  const data = useMemo(
    () => [props.x, ...columnsOf(props.lines).map((each) => drawable(each, props.logarithmic))],
    [props.x, props.lines, props.logarithmic],
  ) as uPlot.AlignedData;

  useLayoutEffect(() => {
    const options = optionsOf(props, frame.current!.clientWidth, () => mark.current);
    const drawn = new uPlot(options, data, frame.current!);
    plot.current = drawn;
    const sized = new ResizeObserver(([entry]) => {
      if (entry) drawn.setSize({ width: Math.floor(entry.contentRect.width), height: HEIGHT });
    });
    sized.observe(frame.current!);
    return () => {
      sized.disconnect();
      drawn.destroy();
    };
  }, [names, props.logarithmic, shade, props.unit]);

  useEffect(() => plot.current && renew(plot.current, data), [data]);
  useEffect(() => plot.current?.redraw(false), [props.mark]);

  return (
    <section class="card chart">
      <h3>{props.title}</h3>
      <div ref={frame} />
    </section>
  );
}

/** The lines, then what was measured of each that is smoothed. */
function columnsOf(lines: Line[]): Column[] {
  return [...lines.map(({ values }) => values), ...lines.flatMap(({ raw }) => (raw ? [raw] : []))];
}

/** With other values; what somebody has zoomed into stays in sight. */
function renew(drawn: uPlot, data: uPlot.AlignedData): void {
  const x = drawn.data[0];
  const { min, max } = drawn.scales.x!;
  const zoomed = min! > x[0]! || max! < x.at(-1)!;
  drawn.batch(() => {
    drawn.setData(data);
    if (zoomed) drawn.setScale("x", { min: min!, max: max! });
  });
}

/** On a logarithmic scale there is nothing at or below zero. */
function drawable(values: Column, logarithmic: boolean): Column {
  return logarithmic ? values.map((value) => (value !== null && value > 0 ? value : null)) : values;
}

function optionsOf(props: Props, width: number, mark: () => number | undefined): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const ink = dark.value ? "#a0a3af" : "#5d5f6b";
  const line = dark.value ? "#292c34" : "#e6e6ec";
  const font = `11px ${style.getPropertyValue("--sans")}`;
  const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(width, 100),
    height: HEIGHT,
    cursor: { sync: { key: "job" }, points: { size: 6 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: scaleOf(props.logarithmic) },
    axes: [
      { ...axis, size: 28, values: (_, ticks) => ticks.map(props.unit) },
      { ...axis, size: 52, values: (_, ticks) => marks(ticks) },
    ],
    series: [
      { label: props.axis, value: (drawn, x) => props.unit(x ?? drawn.data[0].at(-1) ?? 0) },
      ...seriesOf(props.lines),
    ],
    hooks: { draw: [(drawn) => drawMark(drawn, mark(), colour(0))] },
  };
}

function seriesOf(lines: Line[]): uPlot.Series[] {
  const smooth = lines.filter(({ raw }) => raw);
  const ink = (line: Line) => colour(line.colour ?? lines.indexOf(line));
  return [
    ...lines.map((line) => ({
      label: line.name,
      stroke: ink(line),
      width: 1.5,
      dash: line.dashed ? [5, 4] : undefined,
      spanGaps: true,
      points: { show: sparse, size: 5 },
      value: (drawn: uPlot, _: number | null, place: number, at: number | null) =>
        told(drawn, line.raw ? lines.length + 1 + smooth.indexOf(line) : place, at),
    })),
    ...smooth.map((line) => ({
      class: "raw",
      stroke: `${ink(line)}${FAINT}`,
      width: 1,
      spanGaps: true,
      points: { show: false },
    })),
  ];
}

/** Values that never changed stand in the middle of a range of their own size. */
function scaleOf(logarithmic: boolean): uPlot.Scale {
  if (logarithmic) return { distr: 3 };
  const range = (_: uPlot, low: number, high: number): uPlot.Range.MinMax => {
    if (low !== high) return uPlot.rangeNum(low, high, 0.1, true);
    return low ? [low - Math.abs(low) / 2, low + Math.abs(low) / 2] : [0, 1];
  };
  return { range };
}

/** The value under the cursor; without one, the last. */
function told(drawn: uPlot, place: number, at: number | null): string {
  const values = drawn.data[place]!;
  return short(at === null ? [...values].findLast((one) => one !== null) : values[at]);
}

/** Whether a line has so few points that it needs dots to be seen. */
function sparse(drawn: uPlot, place: number): boolean {
  return [...drawn.data[place]!].filter((value) => value !== null).length < FEW;
}

/** A thin line where the sample grid beside the charts was drawn. */
function drawMark(drawn: uPlot, at: number | undefined, ink: string): void {
  if (at === undefined) return;
  const x = Math.round(drawn.valToPos(at, "x", true));
  const { left, top, width, height } = drawn.bbox;
  if (x < left || x > left + width) return;
  drawn.ctx.save();
  drawn.ctx.strokeStyle = ink;
  drawn.ctx.globalAlpha = 0.6;
  drawn.ctx.beginPath();
  drawn.ctx.moveTo(x, top);
  drawn.ctx.lineTo(x, top + height);
  drawn.ctx.stroke();
  drawn.ctx.restore();
}
