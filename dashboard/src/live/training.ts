/** One job as it goes: its record, curves, samples, alarms and checkpoints, kept up by its events. */
import { useEffect, useReducer } from "preact/hooks";
import { ask, passes } from "../api/http";
import type { Job, JobAlarm, JobEvent, Page, Sample, Samples, Series } from "../api/types";
import { appended } from "../logic/curves";
import { ended, told } from "../logic/jobs";
import { follow, type Source, type Way } from "./follow";

const BEGIN_ID = "0-0"; // before the first event
const POINTS = 1000; // of the series as it is first read
const RETRY_MS = 2000;

const ANEW = ["state", "resolved", "reset", "done"];
const MOST_HEARD = 2000;

export interface Training {
  job?: Job;
  series: Series;
  samples: Sample[];
  labels: string[] | null; // of the images of each sample
  alarms: JobAlarm[];
  checkpoints: number; // how many events of that kind there were: a reason to look
  way: Way;
  error?: unknown;
}

type Change = (before: Training) => Training;
const NOTHING: Series = { steps: [], series: {} };
const BEGIN: Training = {
  series: NOTHING,
  samples: [],
  labels: null,
  alarms: [],
  checkpoints: 0,
  way: "stream",
};

export function useTraining(id: string): [Training, (job: Job) => void] {
  const [training, change] = useReducer((before: Training, by: Change) => by(before), BEGIN);

  useEffect(() => {
    const keeper = new Keeper(id, change);
    keeper.turned();
    document.addEventListener("visibilitychange", keeper.turned);
    return () => {
      document.removeEventListener("visibilitychange", keeper.turned);
      keeper.stop();
    };
  }, [id]);

  return [training, (job) => change((before) => ({ ...before, job }))];
}

/** Reads a training and follows its events while somebody sees it. */
class Keeper {
  private open = new AbortController();
  private reading = new AbortController();
  private heard = 0; // lines of metrics since they were read, thinned out
  private meanwhile: JobEvent[] | undefined; // since the reading began that is not over

  constructor(
    private readonly id: string,
    private readonly change: (by: Change) => void,
  ) {}

  /** A page that nobody sees holds no connection: a browser has six for all its tabs. */
  readonly turned = (): void => {
    this.stop();
    if (document.hidden) return;
    this.open = new AbortController();
    const way = (way: Way) => this.change((before) => ({ ...before, way }));
    void this.read();
    void follow(eventsOf(this.id), { event: this.hear, way }, this.open.signal);
  };

  stop(): void {
    this.open.abort();
    this.reading.abort();
  }

  private readonly hear = (event: JobEvent): void => {
    if (event.type === "metrics") this.heard++;
    this.meanwhile?.push(event);
    this.change((before) => after(before, event, this.id));
    const anew = ANEW.includes(event.type); // what may be done has changed as well
    if (anew || this.heard > MOST_HEARD) void this.read();
  };

  /** All of it. What happened meanwhile is not in every answer; a reading before is given up. */
  private async read(): Promise<void> {
    this.reading.abort();
    this.reading = new AbortController();
    const { signal } = this.reading;
    const meanwhile: JobEvent[] = (this.meanwhile = []);
    this.heard = 0;
    const show = (found: Partial<Training>) =>
      this.change((before) => renewed({ ...before, ...found }, meanwhile, this.id));
    try {
      await readAll(this.id, show, signal);
      this.meanwhile = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.meanwhile = undefined;
      this.change((before) => ({ ...before, error }));
      if (passes(error)) window.setTimeout(() => signal.aborted || void this.read(), RETRY_MS);
    }
  }
}

function renewed(found: Training, meanwhile: JobEvent[], id: string): Training {
  const all = meanwhile.reduce((before, event) => after(before, event, id), found);
  return { ...all, checkpoints: found.checkpoints };
}

/** What one event changes. */
export function after(before: Training, event: JobEvent, id: string): Training {
  const { job } = before;
  if (event.type === "snapshot") return { ...before, job: event.data as unknown as Job };
  if (event.type === "sample") {
    return { ...before, samples: withSample(before.samples, event.data, id) };
  }
  if (event.type === "checkpoint") return { ...before, checkpoints: before.checkpoints + 1 };
  if (event.type === "alarm") {
    const alarm = event.data as unknown as JobAlarm;
    const known = before.alarms.some((one) => one.step === alarm.step && one.kind === alarm.kind);
    return known ? before : { ...before, alarms: [...before.alarms, alarm] };
  }
  if (event.type === "metrics") {
    return { ...before, series: appended(before.series, event.data) };
  }
  return job ? { ...before, job: told(job, event) } : before;
}

function withSample(samples: Sample[], told: JobEvent["data"], id: string): Sample[] {
  const { step, kimg, seconds } = told as unknown as Sample;
  if (!Number.isFinite(step) || samples.some((sample) => sample.step === step)) return samples;
  const sample = { step, kimg, seconds, url: `/v1/jobs/${id}/samples/${step}.png` };
  return [...samples, sample].sort((a, b) => a.step - b.step);
}

/** Raises Problem. */
async function readAll(
  id: string,
  show: (found: Partial<Training>) => void,
  signal: AbortSignal,
): Promise<void> {
  const job = await ask<Job>(`/v1/jobs/${id}`, { signal });
  show({ job, error: undefined });
  if (job.kind !== "train") return;
  const [series, { data: samples, labels }, { data: alarms }] = await Promise.all([
    ask<Series>(`/v1/jobs/${id}/metrics?max_points=${POINTS}`, { signal }),
    ask<Samples>(`/v1/jobs/${id}/samples`, { signal }),
    ask<{ data: JobAlarm[] }>(`/v1/jobs/${id}/alarms`, { signal }),
  ]);
  show({ series, samples, labels, alarms });
}

/** The events of one job, and its record when a poll finds none. */
function eventsOf(id: string): Source {
  return {
    address: `/v1/jobs/${id}/events`,
    ends: true,
    poll: async (last, tell, signal) => {
      const address = `/v1/jobs/${id}/events?limit=1000&after=${last || BEGIN_ID}`;
      const page = await ask<Page<JobEvent>>(address, { signal });
      page.data.forEach(tell);
      if (page.data.length) return page.has_more ? "more" : "all";
      const job = await ask<Job>(`/v1/jobs/${id}`, { signal });
      tell({ id: "", type: "snapshot", data: { ...job } });
      return ended(job) ? "over" : "all";
    },
  };
}
