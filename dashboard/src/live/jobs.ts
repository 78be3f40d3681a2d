/** The list of jobs, read in pages as it is scrolled; kept up to date by what happens. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ask } from "../api/http";
import type { Job, JobEvent, Page } from "../api/types";
import { AT_WORK, ended, merged, told } from "../logic/jobs";
import { Cell, useCell } from "../state";
import { useNews } from "./news";
import { useSettled } from "./settled";

const PAGE = 100;
const SCREENFUL = 40; // rows; a search that has fewer goes on by itself
const WHOLE_QUEUE = 5000; // rows: those that begin first were created first, and come last
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
  private last: string | null = null; // that was looked at, in the order of their creation

  constructor(
    private readonly state: string,
    private readonly kind: string,
    private readonly q: string, // words that are searched
  ) {}

  /** The newest page, the jobs at work, and the rows in sight. */
  async refresh(): Promise<void> {
    await this.reading(async () => {
      const page = await this.page();
      this.last ??= page.last_id;
      const news = [...page.data, ...(await this.working(page)), ...(await this.stale(page.data))];
      const { ready, more } = this.list.value; // further pages may have come meanwhile
      return { news, more: ready ? more : page.has_more };
    });
  }

  /** The page behind those that were read. */
  async further(): Promise<void> {
    if (this.busy || !this.list.value.more || !this.last) return;
    this.busy = true;
    await this.reading(async () => {
      const page = await this.page(`&after=${this.last}`);
      this.last = page.last_id ?? this.last;
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
    const words = this.q && `&q=${encodeURIComponent(this.q)}`;
    const filter = `${state && `&state=${state}`}${this.kind && `&kind=${this.kind}`}${words}${more}`;
    return ask<Page<Job>>(`/v1/jobs?view=short&limit=${PAGE}${filter}`);
  }

  /** Those that a long queue would hide behind the first page. */
  private async working(first: Page<Job>): Promise<Job[]> {
    if (this.state || !first.has_more) return [];
    return (await this.page("", AT_WORK.join())).data;
  }

  /** The unfinished jobs in sight that are not in the first page, anew. */
  private async stale(fresh: Job[]): Promise<Job[]> {
    const known = new Set(fresh.map((job) => job.id));
    const own = new Set(this.list.value.all.map((job) => job.id)); // in sight may be an earlier list
    const old = this.looked.filter((job) => own.has(job.id) && !ended(job) && !known.has(job.id));
    return Promise.all(old.slice(0, MOST_STALE).map((job) => ask<Job>(`/v1/jobs/${job.id}`)));
  }
}

/** `q`: words that are searched. What was found for earlier ones stays until there is an answer. */
export function useJobs(state: string, kind: string, q: string): [JobList, JobReader] {
  const words = useSettled(q);
  const reader = useMemo(() => new JobReader(state, kind, words), [state, kind, words]);
  const list = useCell(reader.list);
  const shown = useRef(list);
  if (list.ready || list.error) shown.current = list;

  useEffect(() => {
    void reader.refresh();
  }, [reader]);
  useNews(
    (event) => reader.hear(event),
    () => void reader.refresh(),
  );

  useEffect(() => {
    const enough = state === "queued" ? WHOLE_QUEUE : SCREENFUL;
    if (list.ready && list.more && !list.error && list.all.length < enough) void reader.further();
  }, [list, reader, state]);

  return [shown.current, reader];
}
