/** One job as it goes: its record, curves, samples, alarms and checkpoints, kept up by its events. */
import { useEffect, useReducer } from "preact/hooks";
import { ask } from "../api/http";
import type { Job, JobAlarm, JobEvent, Page, Sample, Samples, Series } from "../api/types";
import { appended } from "../logic/curves";
import { ended, told } from "../logic/jobs";
import { follow, type Source, type Way } from "./follow";

const BEGIN_ID = "0-0"; // before the first event
const POINTS = 1000; // of the series as it is first read

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
    const gone = new AbortController();
    let heard = 0; // lines of metrics since they were read, thinned out
    const read = () => {
      heard = 0;
      void readAll(id, change, gone.signal);
    };
    const follower = {
      event: (event: JobEvent) => {
        if (event.type === "metrics") heard++;
        if (heard > MOST_HEARD || ANEW.includes(event.type)) read(); // what may be done has changed as well
        change((before) => after(before, event, id));
      },
      way: (way: Way) => change((before) => ({ ...before, way })),
    };
    const started = () => void follow(eventsOf(id), follower, visible.signal);
    let visible = new AbortController();
    const turned = () => {
      visible.abort(); // a page that nobody sees holds no connection
      if (document.hidden) return;
      visible = new AbortController();
      read();
      started();
    };
    read();
    started();
    document.addEventListener("visibilitychange", turned);
    return () => {
      document.removeEventListener("visibilitychange", turned);
      visible.abort();
      gone.abort();
    };
  }, [id]);

  return [training, (job) => change((before) => ({ ...before, job }))];
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

export function withSample(samples: Sample[], told: JobEvent["data"], id: string): Sample[] {
  const { step, kimg, seconds } = told as unknown as Sample;
  if (!Number.isFinite(step) || samples.some((sample) => sample.step === step)) return samples;
  const sample = { step, kimg, seconds, url: `/v1/jobs/${id}/samples/${step}.png` };
  return [...samples, sample].sort((a, b) => a.step - b.step);
}

async function readAll(
  id: string,
  change: (by: Change) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    const job = await ask<Job>(`/v1/jobs/${id}`, { signal });
    change((before) => ({ ...before, job, error: undefined }));
    if (job.kind === "train") {
      const [series, { data: samples, labels }, { data: alarms }] = await Promise.all([
        ask<Series>(`/v1/jobs/${id}/metrics?max_points=${POINTS}`, { signal }),
        ask<Samples>(`/v1/jobs/${id}/samples`, { signal }),
        ask<{ data: JobAlarm[] }>(`/v1/jobs/${id}/alarms`, { signal }),
      ]);
      change((before) => ({ ...before, series, samples, labels, alarms }));
    }
  } catch (error) {
    if (!signal.aborted) change((before) => ({ ...before, error }));
  }
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
