/** All jobs, however many: filters, search, and what may be done with each. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { send } from "../api/http";
import type { Job } from "../api/types";
import { useClock } from "../live/clock";
import { useJobs } from "../live/jobs";
import { ended, inQueue, KINDS, STATES } from "../logic/jobs";
import { plural } from "../logic/numbers";
import { Empty, Failure, Loading } from "../parts/bits";
import { Icon } from "../parts/icons";
import { JobTable } from "../parts/job_table";
import { tried } from "../parts/toasts";
import { rename, route, to, withQuery } from "../route";
import { useCell } from "../state";

const MOST_COMPARED = 6;

interface Filter {
  state: string;
  kind: string;
  q: string; // words that are searched
}

export function Jobs(): JSX.Element {
  const { query } = useCell(route);
  const told = (name: string) => query.get(name) ?? "";
  const filter: Filter = { state: told("state"), kind: told("kind"), q: told("q") };
  const [list, reader] = useJobs(filter.state, filter.kind, filter.q);
  const [chosen, choose] = useState<ReadonlySet<string>>(new Set());
  useClock(10);
  const shown = useMemo(
    () => (filter.state === "queued" ? inQueue(list.all) : list.all),
    [list.all, filter.state],
  );
  const count = list.ready ? `${plural(shown.length, "job")}${list.more ? " and more" : ""}` : "";
  return (
    <>
      <div class="head">
        <h1>Jobs</h1>
        <div class="actions">
          <Chosen
            jobs={list.all.filter((job) => chosen.has(job.id))}
            changed={() => void reader.refresh()}
          />
          <a class="button primary" href={to("train")}>
            New training
          </a>
        </div>
      </div>
      <Filters filter={filter} count={count} />
      <Failure error={list.error} />
      {!list.ready && !list.error && <Loading what="the jobs" />}
      {list.ready && !shown.length && list.more && <Loading what="further jobs" />}
      {list.ready && !shown.length && !list.more && (
        <None filtered={Object.values(filter).some(Boolean)} />
      )}
      {shown.length > 0 && (
        <JobTable key={filter.state + filter.kind} jobs={shown} {...{ chosen, choose, reader }} />
      )}
    </>
  );
}

function Filters({ filter, count }: { filter: Filter; count: string }): JSX.Element {
  const set = (changes: Partial<Filter>) =>
    rename(withQuery(to("jobs"), { ...filter, ...changes }));
  return (
    <div class="filters" role="search">
      <input
        class="search"
        type="search"
        placeholder="Search model, data set, id"
        aria-label="Search"
        value={filter.q}
        onInput={(event) => set({ q: event.currentTarget.value })}
      />
      <Choice
        label="State"
        all="any state"
        value={filter.state}
        names={STATES.map((state) => [state, state])}
        set={(state) => set({ state })}
      />
      <Choice
        label="Kind"
        all="any kind"
        value={filter.kind}
        names={Object.entries(KINDS)}
        set={(kind) => set({ kind })}
      />
      <span class="quiet numbers" aria-live={filter.q ? "polite" : "off"}>
        {count}
      </span>
    </div>
  );
}

function Choice(props: {
  label: string;
  all: string;
  value: string;
  names: [value: string, name: string][];
  set: (value: string) => void;
}): JSX.Element {
  return (
    <select
      aria-label={props.label}
      value={props.value}
      onChange={(event) => props.set(event.currentTarget.value)}
    >
      <option value="">{props.all}</option>
      {props.names.map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** What can be done with the jobs that are ticked. */
function Chosen({ jobs, changed }: { jobs: Job[]; changed: () => void }): JSX.Element | null {
  if (!jobs.length) return null;
  const trainings = jobs.filter((job) => job.kind === "train").map((job) => job.id);
  const running = jobs.filter((job) => !ended(job));
  const comparable = trainings.length > 1 && trainings.length <= MOST_COMPARED;
  const cancel = async () => {
    if (!confirm(`Cancel ${plural(running.length, "job")}?`)) return;
    const all = running.map((job) => send("POST", `/v1/jobs/${job.id}/cancel`));
    await tried(Promise.all(all), `${plural(running.length, "job")} asked to end.`);
    changed();
  };
  return (
    <>
      {comparable && (
        <a class="button" href={withQuery(to("compare"), { jobs: trainings.join(",") })}>
          <Icon name="compare" size={16} />
          Compare {trainings.length}
        </a>
      )}
      {running.length > 0 && (
        <button class="danger" type="button" onClick={() => void cancel()}>
          Cancel {running.length}
        </button>
      )}
      {!comparable && (
        <span class="quiet">Tick 2 to {MOST_COMPARED} trainings to compare them.</span>
      )}
    </>
  );
}

function None({ filtered }: { filtered: boolean }): JSX.Element {
  if (filtered) {
    return (
      <Empty icon="search" title="No job is like that">
        <a class="button" href={to("jobs")}>
          Show all
        </a>
      </Empty>
    );
  }
  return (
    <Empty icon="jobs" title="No jobs yet">
      <p>Trainings, uploads and evaluations stand here, from the moment they are ordered.</p>
      <a class="button primary" href={to("train")}>
        Start a training
      </a>
    </Empty>
  );
}
