/** All jobs, however many: filters, search, and what may be done with each. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Job } from "../api/types";
import { plural } from "../logic/numbers";
import { ENDED, inQueue, KINDS, matching } from "../logic/jobs";
import { Empty, Failure, Loading } from "../parts/bits";
import { Icon } from "../parts/icons";
import { tried } from "../parts/toasts";
import { JobTable } from "../parts/job_table";
import { useJobs } from "../live/jobs";
import { rename, route, to, withQuery } from "../route";
import { useCell } from "../state";
import { send } from "../api/http";

const STATES = ["queued", "running", "recovering", "paused", "succeeded", "failed", "cancelled"];
const MOST_COMPARED = 6;

export function Jobs(): JSX.Element {
  const { query } = useCell(route);
  const state = query.get("state") ?? "";
  const kind = query.get("kind") ?? "";
  const text = query.get("q") ?? "";
  const jobs = useJobs(state, kind, text !== "");
  const [chosen, choose] = useState<ReadonlySet<string>>(new Set());
  const shown = useMemo(() => {
    const found = jobs.all.filter((job) => matching(job, text));
    return state === "queued" ? inQueue(found) : found;
  }, [jobs.all, text, state]);

  const filter = (changes: Record<string, string>) =>
    rename(withQuery(to("jobs"), { state, kind, q: text, ...changes }));
  const filtered = state !== "" || kind !== "" || text !== "";
  return (
    <>
      <div class="head">
        <h1>Jobs</h1>
        <div class="actions">
          <Chosen jobs={jobs.all.filter((job) => chosen.has(job.id))} changed={jobs.refresh} />
          <a class="button primary" href={to("train")}>
            New training
          </a>
        </div>
      </div>
      <div class="filters" role="search">
        <input
          class="search"
          type="search"
          placeholder="Search model, data set, id"
          aria-label="Search"
          value={text}
          onInput={(event) => filter({ q: event.currentTarget.value })}
        />
        <Choice
          label="State"
          all="any state"
          value={state}
          names={STATES}
          set={(value) => filter({ state: value })}
        />
        <Choice
          label="Kind"
          all="any kind"
          value={kind}
          names={Object.keys(KINDS)}
          set={(value) => filter({ kind: value })}
        />
        <span class="quiet numbers" aria-live="polite">
          {jobs.ready && `${plural(shown.length, "job")}${jobs.more ? " and more" : ""}`}
        </span>
      </div>
      <Failure error={jobs.error} />
      {!jobs.ready && !jobs.error && <Loading what="the jobs" />}
      {jobs.ready && shown.length === 0 && <None filtered={filtered} />}
      {shown.length > 0 && (
        <JobTable
          jobs={shown}
          chosen={chosen}
          choose={choose}
          changed={jobs.tell}
          end={jobs.further}
          seen={jobs.seen}
        />
      )}
    </>
  );
}

function Choice(props: {
  label: string;
  all: string;
  value: string;
  names: string[];
  set: (value: string) => void;
}): JSX.Element {
  return (
    <select
      aria-label={props.label}
      value={props.value}
      onChange={(event) => props.set(event.currentTarget.value)}
    >
      <option value="">{props.all}</option>
      {props.names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** What can be done with the jobs that are ticked. */
function Chosen({ jobs, changed }: { jobs: Job[]; changed: () => void }): JSX.Element | null {
  if (!jobs.length) return null;
  const trainings = jobs.filter((job) => job.kind === "train");
  const running = jobs.filter((job) => !ENDED.includes(job.state));
  const comparable = trainings.length > 1 && trainings.length <= MOST_COMPARED;
  const cancel = async () => {
    const all = running.map((job) => send("POST", `/v1/jobs/${job.id}/cancel`));
    await tried(Promise.all(all), `${running.length} are asked to end.`);
    changed();
  };
  return (
    <>
      {comparable && (
        <a
          class="button"
          href={withQuery(to("compare"), { jobs: trainings.map((job) => job.id).join(",") })}
        >
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
