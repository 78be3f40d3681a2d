/** A table of any number of jobs: only the rows in sight are built. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Job } from "../api/types";
import type { JobReader } from "../live/jobs";
import { atWork, ended, KINDS, subject } from "../logic/jobs";
import { percent, short } from "../logic/numbers";
import { duration, secondsBetween } from "../logic/time";
import { visible } from "../logic/windowing";
import { to } from "../route";
import { Bar, State, When } from "./bits";
import { JobActions, Reorder, type Word } from "./job_actions";

const WIDE = "(min-width: 1101px)";
const ROW = 52;
const NARROW_ROW = 84; // px; both as in pages.css
const AHEAD = 60; // rows that are read before they come in sight

const OFFERED: Word[] = ["pause", "resume", "retry", "cancel"];

interface Props {
  jobs: Job[];
  chosen: ReadonlySet<string>;
  choose: (ids: ReadonlySet<string>) => void;
  reader: JobReader;
}

export function JobTable({ jobs, chosen, choose, reader }: Props): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const [top, scroll] = useState(0);
  const height = useHeight(frame);
  const row = useRowHeight();
  const range = visible(top, height, row, jobs.length);
  const shown = jobs.slice(range.first, range.end);

  useEffect(() => void (reader.looked = shown));
  useEffect(() => {
    if (range.end + AHEAD >= jobs.length) void reader.further();
  }, [range.end, jobs.length, reader]);

  const tick = (id: string) => choose(turned(chosen, id));
  const place = (index: number) => (range.first + index) * row;
  const changed = (job: Job) => reader.tell(job);
  return (
    <div class="table" role="table" aria-label="Jobs" aria-rowcount={jobs.length + 1}>
      <Head />
      <div
        class="window"
        role="rowgroup"
        ref={frame}
        tabIndex={0}
        aria-label="Rows"
        onScroll={(event) => scroll(event.currentTarget.scrollTop)}
      >
        <div style={{ height: `${jobs.length * row}px` }} />
        {shown.map((job, index) => (
          <JobRow
            key={job.id}
            {...{ job, tick, changed, top: place(index), ticked: chosen.has(job.id) }}
            row={range.first + index + 2}
          />
        ))}
      </div>
    </div>
  );
}

function turned(chosen: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(chosen);
  if (!next.delete(id)) next.add(id);
  return next;
}

function Head(): JSX.Element {
  return (
    <div class="table-head" role="row">
      <span role="columnheader" class="unseen">
        Ticked
      </span>
      <span />
      {["Job", "State", "Progress", "Images/s", "Created", ""].map((name) => (
        <span key={name} role="columnheader">
          {name}
        </span>
      ))}
    </div>
  );
}

function JobRow(props: {
  job: Job;
  row: number; // of the table, whose head is the first
  top: number;
  ticked: boolean;
  tick: (id: string) => void;
  changed: (job: Job) => void;
}): JSX.Element {
  const { job, changed } = props;
  return (
    <div class="job-row" role="row" aria-rowindex={props.row} style={{ top: `${props.top}px` }}>
      <span role="cell">
        <input
          type="checkbox"
          aria-label={`Tick ${subject(job)}`}
          checked={props.ticked}
          onChange={() => props.tick(job.id)}
        />
      </span>
      <Name job={job} />
      <span class="state" role="cell">
        <State name={job.state} />
      </span>
      <span class="progress" role="cell">
        <Course job={job} />
      </span>
      <span class="rate numbers" role="cell">
        {atWork(job) && job.kind === "train" ? short(job.progress.images_per_second) : ""}
      </span>
      <span class="age quiet" role="cell">
        <When time={job.created_at} />
      </span>
      <span class="actions" role="cell">
        <Reorder job={job} changed={changed} />
        <JobActions job={job} words={OFFERED} changed={changed} />
      </span>
    </div>
  );
}

function Name({ job }: { job: Job }): JSX.Element {
  return (
    <span class="name" role="cell">
      <a href={to("jobs", job.id)}>{subject(job)}</a>
      <small>
        {KINDS[job.kind]} · {job.id}
      </small>
    </span>
  );
}

/** How far a job is, or how it ended, in a few words. */
function Course({ job }: { job: Job }): JSX.Element {
  if (job.state === "queued") return <small class="quiet">{placed(job.queue_position)}</small>;
  if (job.state === "failed")
    return <small class="quiet break">{job.error?.title ?? job.reason}</small>;
  if (ended(job)) {
    const took = secondsBetween(job.started_at, job.finished_at);
    return <small class="quiet numbers">{took === null ? "" : `took ${duration(took)}`}</small>;
  }
  const left = job.progress.eta_seconds;
  return (
    <>
      <Bar value={job.progress.value} state={job.state} label={`Progress of ${subject(job)}`} />
      <small class="quiet numbers">
        {percent(job.progress.value)}
        {left ? ` · ${duration(left)} left` : ""}
      </small>
    </>
  );
}

function placed(position: number | null): string {
  if (position === null) return "waits";
  return position === 0 ? "next in the queue" : `place ${position + 1}`;
}

/** Of an element in px, also after its window has changed. */
function useHeight(frame: { current: HTMLElement | null }): number {
  const [height, measure] = useState(600);
  useLayoutEffect(() => {
    const sized = new ResizeObserver(([entry]) => entry && measure(entry.contentRect.height));
    sized.observe(frame.current!);
    return () => sized.disconnect();
  }, []);
  return height;
}

function useRowHeight(): number {
  const [wide, turn] = useState(() => matchMedia(WIDE).matches);
  useEffect(() => {
    const query = matchMedia(WIDE);
    const changed = () => turn(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return wide ? ROW : NARROW_ROW;
}
