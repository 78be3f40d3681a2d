/** Two to six trainings side by side: one slider, curves on top of each other, what differs. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../api/http";
import type { Job, Sample, Series } from "../api/types";
import { grouped, lastOf, seldom } from "../logic/curves";
import { ended, plainly, subject } from "../logic/jobs";
import { short } from "../logic/numbers";
import { differences, flat, type Difference } from "../logic/options";
import { sampleAt, stops } from "../logic/samples";
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
    const stopped = new AbortController();
    let timer = 0;
    const read = async () => {
      try {
        const all = await Promise.all(ids.map((id) => compared(id, stopped.signal)));
        show(named(all));
        fail(undefined);
        if (all.every(({ job }) => ended(job))) return;
      } catch (reason) {
        if (stopped.signal.aborted) return;
        fail(reason);
      }
      timer = window.setTimeout(() => void read(), SECONDS * 1000);
    };
    if (ids.length > 1) void read();
    return () => {
      stopped.abort();
      clearTimeout(timer);
    };
  }, [key]);
  return [found, error];
}

async function compared(id: string, signal: AbortSignal): Promise<Compared> {
  const [job, series, samples] = await Promise.all([
    ask<Job>(`/v1/jobs/${id}`, { signal }),
    ask<Series>(`/v1/jobs/${id}/metrics?max_points=600`, { signal }),
    ask<{ data: Sample[] }>(`/v1/jobs/${id}/samples`, { signal }),
  ]);
  return { job, name: subject(job), series, samples: samples.data };
}

/** With names that tell them apart. */
function named(all: Compared[]): Compared[] {
  const names = all.map(({ name }) => name);
  const twice = new Set(names.filter((name, place) => names.indexOf(name) !== place));
  return all.map((one) =>
    twice.has(one.name) ? { ...one, name: `${one.name} ${one.job.id.slice(-4)}` } : one,
  );
}

function Grids({ all }: { all: Compared[] }): JSX.Element {
  const moments = useMemo(() => stops(all.map(({ samples }) => samples)), [all]);
  const [step, hold] = useState<number | null>(null);
  const last = moments.length - 1;
  const place = step === null ? last : moments.findLastIndex((moment) => moment <= step);
  const moment = moments[place];
  const move = (next: number) => hold(next >= last ? null : (moments[next] ?? null));
  return (
    <section class="card" aria-label="Images side by side">
      <div class="compared">
        {all.map(({ job, name, samples }, index) => {
          const sample = moment === undefined ? undefined : samples[sampleAt(samples, moment)];
          return (
            <figure key={job.id}>
              <figcaption class="row">
                <span class="dot" style={{ background: colour(index) }} />
                <a href={to("jobs", job.id)} title={name}>
                  {name}
                </a>
                <State name={job.state} />
              </figcaption>
              {sample ? (
                <Grid
                  sample={sample}
                  open={(seed) => go(withQuery(to("play"), { model: `job:${job.id}`, seed }))}
                />
              ) : (
                <div class="grid-frame quiet">no images yet</div>
              )}
              <small class="quiet numbers">{sample ? `step ${short(sample.step)}` : ""}</small>
            </figure>
          );
        })}
      </div>
      {moment !== undefined && (
        <Player count={moments.length} place={place} move={move} told={`step ${short(moment)}`} />
      )}
    </section>
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
