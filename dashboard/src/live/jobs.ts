/** The list of jobs, read in pages as it is scrolled; kept up to date by what happens. */
import { useEffect, useMemo } from "preact/hooks";
import { ask } from "../api/http";
import type { Job, JobEvent, Page } from "../api/types";
import { atWork, ended, merged, told } from "../logic/jobs";
import { Cell, useCell } from "../state";
import { useNews } from "./news";

const PAGE = 100;
const MOST_SEARCHED = 10_000; // jobs that a search reads
const MOST_STALE = 30; // rows that are read anew one by one

export interface JobList {
  all: Job[];
  ready: boolean;
  more: boolean;
  error: unknown;
}

const NOTHING: JobList = { all: [], ready: false, more: false, error: undefined };

/** Reads pages of one filter. `looked`: the rows in sight. */
export class JobReader {
  readonly list = new Cell<JobList>(NOTHING);
  looked: Job[] = [];
  private busy = false;

  constructor(
    private readonly state: string,
    private readonly kind: string,
  ) {}

  /** The newest page, the jobs at work, and the rows in sight. */
  async refresh(): Promise<void> {
    await this.reading(async () => {
      const page = await this.page();
      const { all, more } = this.list.value;
      const news = [...page.data, ...(await this.working(page)), ...(await this.stale(page.data))];
      return { news, more: all.length ? more : page.has_more };
    });
  }

  /** The page behind those that were read. */
  async further(): Promise<void> {
    const { all, more } = this.list.value;
    const last = (all.findLast((job) => !atWork(job)) ?? all.at(-1))?.id; // others came out of turn
    if (this.busy || !more || !last) return;
    this.busy = true;
    await this.reading(async () => {
      const page = await this.page(`&after=${last}`);
      return { news: page.data, more: page.has_more };
    });
    this.busy = false;
  }

  /** A newer record of one job. */
  tell(job: Job): void {
    this.list.value = { ...this.list.value, all: this.known([job]) };
  }

  /** What happened to one of the jobs, or to another. */
  hear(event: JobEvent): void {
    const known = this.list.value.all.find((job) => job.id === event.data.job);
    if (known) this.tell(told(known, event));
  }

  private async reading(work: () => Promise<{ news: Job[]; more: boolean }>): Promise<void> {
    try {
      const { news, more } = await work();
      this.list.value = { all: this.known(news), more, ready: true, error: undefined };
    } catch (error) {
      this.list.value = { ...this.list.value, error };
    }
  }

  private known(news: Job[]): Job[] {
    const all = merged(this.list.value.all, news);
    return this.state ? all.filter((job) => job.state === this.state) : all;
  }

  private page(more = "", state = this.state): Promise<Page<Job>> {
    const filter = `${state && `&state=${state}`}${this.kind && `&kind=${this.kind}`}${more}`;
    return ask<Page<Job>>(`/v1/jobs?limit=${PAGE}${filter}`);
  }

  /** Those that a long queue would hide behind the first page. */
  private async working(first: Page<Job>): Promise<Job[]> {
    if (this.state || !first.has_more) return [];
    return (await this.page("", "running")).data;
  }

  /** The unfinished jobs in sight that are not in the first page, anew. */
  private async stale(fresh: Job[]): Promise<Job[]> {
    const known = new Set(fresh.map((job) => job.id));
    const old = this.looked.filter((job) => !ended(job) && !known.has(job.id));
    return Promise.all(old.slice(0, MOST_STALE).map((job) => ask<Job>(`/v1/jobs/${job.id}`)));
  }
}

/** `whole`: read all pages, for a search. */
export function useJobs(state: string, kind: string, whole: boolean): [JobList, JobReader] {
  const reader = useMemo(() => new JobReader(state, kind), [state, kind]);
  const list = useCell(reader.list);

  useEffect(() => {
    void reader.refresh();
  }, [reader]);
  useNews(
    (event) => reader.hear(event),
    () => void reader.refresh(),
  );

  useEffect(() => {
    if (whole && list.more && list.all.length < MOST_SEARCHED) void reader.further();
  }, [whole, list, reader]);

  return [list, reader];
}
