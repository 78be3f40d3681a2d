/** Two to six trainings side by side: one slider, curves on top of each other, what differs. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../api/http";
import type { Job, Sample, Samples, Series } from "../api/types";
import { Repeated } from "../live/repeat";
import { view } from "../live/view";
import { grouped, lastOf, seldom, type Axis } from "../logic/curves";
import { ended, plainly, subject } from "../logic/jobs";
import { short } from "../logic/numbers";
import { differences, flat, type Difference } from "../logic/options";
import { commonAxis, momentOf, momentText, sampleAt, stops } from "../logic/samples";
import { Empty, Failure, Loading, State } from "../parts/bits";
import { colour } from "../parts/chart";
import { Curves } from "../parts/curves";
import { Grid, Player } from "../parts/watch";
import { go, route, to, withQuery } from "../route";
import { useCell } from "../state";

const MOST = 6;
const SECONDS = 5;
const DIGEST = /^[0-9a-f]{64}$/;

interface Compared {
  job: Job;
  name: string;
  series: Series;
  samples: Sample[];
  labels: string[] | null; // of the images of each sample
}

export function Compare(): JSX.Element {
  const { query } = useCell(route);
  const ids = (query.get("jobs") ?? "").split(",").filter(Boolean).slice(0, MOST);
  const [found, error] = useCompared(ids);
  if (ids.length < 2) return <Which />;
  return (
    <>
      <div class="head">
        <h1>{ids.length} trainings compared</h1>
        <div class="actions">
          <a class="button" href={withQuery(to("jobs"), { kind: "train" })}>
            Choose others
          </a>
        </div>
      </div>
      <Failure error={error} />
      {!found && !error && <Loading what="the trainings" />}
      {found && (
        <div class="stack">
          <Grids all={found} />
          <Differing all={found} />
          <Curves sources={found} />
        </div>
      )}
    </>
  );
}

function Which(): JSX.Element {
  return (
    <>
      <div class="head">
        <h1>Compare</h1>
      </div>
      <Empty icon="compare" title="Which trainings?">
        <p>Tick two to six trainings in the list of jobs, then press “Compare”.</p>
        <a class="button primary" href={withQuery(to("jobs"), { kind: "train" })}>
          To the trainings
        </a>
      </Empty>
    </>
  );
}

/** What is compared, read again while one of them runs. */
function useCompared(ids: string[]): [Compared[] | undefined, unknown] {
  const [found, show] = useState<Compared[] | undefined>();
  const [error, fail] = useState<unknown>();
  const key = ids.join();
  useEffect(() => {
    if (ids.length < 2) return;
    const repeated = new Repeated(async (signal) => {
      try {
        const all = await Promise.all(ids.map((id) => compared(id, signal)));
        if (signal.aborted) return 0;
        show(named(all));
        fail(undefined);
        return all.every(({ job }) => ended(job)) ? 0 : SECONDS;
      } catch (reason) {
        if (!signal.aborted) fail(reason);
        return SECONDS;
      }
    });
    return () => repeated.stop();
  }, [key]);
  return [found, error];
}

async function compared(id: string, signal: AbortSignal): Promise<Compared> {
  const [job, series, { data: samples, labels }] = await Promise.all([
    ask<Job>(`/v1/jobs/${id}`, { signal }),
    ask<Series>(`/v1/jobs/${id}/metrics?max_points=600`, { signal }),
    ask<Samples>(`/v1/jobs/${id}/samples`, { signal }),
  ]);
  return { job, name: subject(job), series, samples, labels };
}

/** With names that tell them apart. */
function named(all: Compared[]): Compared[] {
  const names = all.map(({ name }) => name);
  const twice = new Set(names.filter((name, place) => names.indexOf(name) !== place));
  return all.map((one) =>
    twice.has(one.name) ? { ...one, name: `${one.name} ${one.job.id.slice(-4)}` } : one,
  );
}

/** One slider for all, by steps, images or time: as the curves below are drawn. */
function Grids({ all }: { all: Compared[] }): JSX.Element {
  const grids = all.map(({ samples }) => samples);
  const axis = commonAxis(grids, useCell(view).axis);
  const moments = useMemo(() => stops(grids, axis), [all, axis]);
  const [held, hold] = useState<{ at: number; axis: Axis } | null>(null);
  const last = moments.length - 1;
  const place = held?.axis === axis ? moments.findLastIndex((moment) => moment <= held.at) : last;
  const moment = moments[place];
  const move = (next: number) => hold(next >= last ? null : { at: moments[next] ?? 0, axis });
  return (
    <section class="card" aria-label="Images side by side">
      <div class="compared">
        {all.map((one, index) => (
          <Side
            key={one.job.id}
            {...one}
            colour={colour(index)}
            axis={axis}
            sample={
              moment === undefined ? undefined : one.samples[sampleAt(one.samples, moment, axis)]
            }
          />
        ))}
      </div>
      {moment !== undefined && (
        <Player count={moments.length} place={place} move={move} told={momentText(moment, axis)} />
      )}
    </section>
  );
}

/** One of the compared trainings, at the moment of the slider. */
function Side(
  props: Compared & { colour: string; axis: Axis; sample: Sample | undefined },
): JSX.Element {
  const { job, name, labels, sample, axis } = props;
  const model = `job:${job.id}`;
  const open = (seed: number) => go(withQuery(to("play"), { model, seed, label: labels?.[seed] }));
  return (
    <figure>
      <figcaption class="row">
        <span class="dot" style={{ background: props.colour }} />
        <a href={to("jobs", job.id)} title={name}>
          {name}
        </a>
        <State name={job.state} />
      </figcaption>
      {sample ? (
        <Grid sample={sample} labels={labels} open={open} />
      ) : (
        <div class="grid-frame quiet">no images yet</div>
      )}
      <small class="quiet numbers">
        {sample ? momentText(momentOf(sample, axis) ?? 0, axis) : ""}
      </small>
    </figure>
  );
}

function Differing({ all }: { all: Compared[] }): JSX.Element {
  const once = measuredOnce(all);
  const rows = differences(
    all.map(({ job, series }) => ({
      ...flat({ ...job.resolved, device: undefined }), // how fast it seemed is no option
      dataset: String(job.input.dataset_name ?? ""),
      preset: String(job.input.preset ?? ""),
      seed: String(job.seed),
      images_shown: short((job.progress.kimg ?? 0) * 1000),
      ...Object.fromEntries(once.map((name) => [name, short(lastOf(series, name))])),
    })),
  );
  return (
    <section class="card">
      <h2>What differs</h2>
      {rows.length === 0 ? (
        <p class="quiet">Nothing: data set, options and seed are the same.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Compared, one a column">
          <Columns all={all} rows={rows} />
        </div>
      )}
    </section>
  );
}

/** The metrics that no curve shows. */
function measuredOnce(all: Compared[]): string[] {
  const names = new Set(all.flatMap(({ series }) => Object.keys(series.series)));
  const shown = grouped([...names]).flatMap((group) => group.names);
  return shown.filter((name) => all.every(({ series }) => seldom(series, [name])));
}

function Columns({ all, rows }: { all: Compared[]; rows: Difference[] }): JSX.Element {
  return (
    <table class={all.length < 3 ? "fits" : ""}>
      <thead>
        <tr>
          <th scope="col">Option</th>
          {all.map(({ job, name }) => (
            <th key={job.id} scope="col" class="break">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, values }) => (
          <tr key={name}>
            <td>{plainly(name)}</td>
            {values.map((value, place) => (
              <td key={place} class="break numbers">
                {DIGEST.test(value) ? value.slice(0, 12) : value}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
