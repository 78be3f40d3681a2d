/** The list of jobs, read in pages as it is scrolled; what is looked at is kept up to date. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../api/http";
import type { Job, Page } from "../api/types";
import { atWork, ended, merged } from "../logic/jobs";

const PAGE = 200;
const SECONDS = 3;
const MOST_SEARCHED = 10_000; // jobs that a search reads

export interface JobList {
  all: Job[];
  ready: boolean;
  more: boolean;
  error: unknown;
  further: () => void; // read the next page
  refresh: () => void;
  tell: (job: Job) => void; // a newer record of one
  seen: (jobs: Job[]) => void; // which rows are looked at
}

/** `whole`: read all pages, for a search. */
export function useJobs(state: string, kind: string, whole: boolean): JobList {
  const [all, show] = useState<Job[]>([]);
  const [ready, finish] = useState(false);
  const [more, setMore] = useState(false);
  const [error, fail] = useState<unknown>();
  const known = useRef<Job[]>([]);
  const looked = useRef<Job[]>([]);
  const busy = useRef(false);
  const filter = `limit=${PAGE}${state && `&state=${state}`}${kind && `&kind=${kind}`}`;

  const keep = useCallback(
    (news: Job[]) => {
      const wanted = merged(known.current, news).filter((job) => !state || job.state === state);
      known.current = wanted;
      show(wanted);
    },
    [state],
  );

  const first = useCallback(async () => {
    try {
      const page = await ask<Page<Job>>(`/v1/jobs?${filter}`);
      if (!known.current.length) setMore(page.has_more);
      keep([
        ...page.data,
        ...(await running(filter, state, page)),
        ...(await stale(looked.current, page.data)),
      ]);
      finish(true);
      fail(undefined);
    } catch (reason) {
      fail(reason);
    }
  }, [filter, state, keep]);

  const further = useCallback(async () => {
    const last = oldest(known.current);
    if (busy.current || !last) return;
    busy.current = true;
    try {
      const page = await ask<Page<Job>>(`/v1/jobs?${filter}&after=${last}`);
      setMore(page.has_more);
      keep(page.data);
    } catch (reason) {
      fail(reason);
    }
    busy.current = false;
  }, [filter, keep]);

  useEffect(() => {
    known.current = [];
    show([]);
    finish(false);
    void first();
    const timer = window.setInterval(() => document.hidden || void first(), SECONDS * 1000);
    return () => clearInterval(timer);
  }, [first]);

  useEffect(() => {
    if (whole && more && all.length < MOST_SEARCHED) void further();
  }, [whole, more, all, further]);

  const seen = useCallback((jobs: Job[]) => void (looked.current = jobs), []);
  const tell = useCallback((job: Job) => keep([job]), [keep]);
  const next = useCallback(() => void (more && further()), [more, further]);
  return { all, ready, more, error, further: next, refresh: () => void first(), tell, seen };
}

/** Where the pages that were read end. Jobs at work were perhaps read out of turn. */
function oldest(known: Job[]): string | undefined {
  return (known.findLast((job) => !atWork(job)) ?? known.at(-1))?.id;
}

/** The jobs at work, which a long queue would hide behind the first page. */
async function running(filter: string, state: string, first: Page<Job>): Promise<Job[]> {
  if (state || !first.has_more) return [];
  return (await ask<Page<Job>>(`/v1/jobs?${filter}&state=running`)).data;
}

/** Anew: the unfinished jobs that are looked at and stand behind the first page. */
async function stale(looked: Job[], fresh: Job[]): Promise<Job[]> {
  const known = new Set(fresh.map((job) => job.id));
  const old = looked.filter((job) => !ended(job) && !known.has(job.id)).slice(0, 30);
  return Promise.all(old.map((job) => ask<Job>(`/v1/jobs/${job.id}`)));
}
