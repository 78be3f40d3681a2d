/** What happens to all jobs: one stream for every part of the page, while somebody sees it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Job, JobEvent, Page } from "../api/types";
import { renews, told } from "../logic/jobs";
import { follow, type Source, type Tell, type Way } from "./follow";
import { useRecord } from "./poll";

const LINGER_MS = 2_000; // the stream stays open from one page to the next
const SOON_MS = 500; // lists are not read anew more often
const RESET: JobEvent = { id: "", type: "reset", data: {} };

/** Where streams are blocked, every poll says only that lists have to be read. */
const ALL_JOBS: Source = {
  address: "/v1/events",
  ends: false,
  poll: async (_, tell) => (tell(RESET), "all"),
};

class News {
  private readonly listeners = new Set<Tell>();
  private open: AbortController | undefined;
  private way: Way = "stream";

  /** `heard` gets every event, until the function that is answered is called. */
  listen(heard: Tell): () => void {
    document.addEventListener("visibilitychange", this.turned); // once, however often it is added
    this.listeners.add(heard);
    this.turned();
    return () => {
      this.listeners.delete(heard);
      window.setTimeout(this.turned, LINGER_MS);
    };
  }

  private readonly turned = () => {
    if (document.hidden || !this.listeners.size) {
      this.open?.abort();
      this.open = undefined;
    } else if (!this.open) {
      this.open = new AbortController();
      void follow(ALL_JOBS, { event: this.tell, way: this.went }, this.open.signal);
    }
  };

  private readonly tell = (event: JobEvent) => {
    for (const heard of [...this.listeners]) heard(event);
  };

  /** What could not be read while the service was away is read when it is back. */
  private readonly went = (way: Way) => {
    if (this.way === "lost" && way === "stream") this.tell(RESET);
    this.way = way;
  };
}

const news = new News();

/** `heard` gets every event; `renew` is called soon after one that changes lists of jobs. */
export function useNews(heard: Tell, renew: () => void): void {
  const newest = useRef({ heard, renew });
  newest.current = { heard, renew };
  useEffect(() => {
    let timer = 0;
    const soon = () => {
      timer = 0;
      newest.current.renew();
    };
    const stop = news.listen((event) => {
      newest.current.heard(event);
      if (renews(event)) timer ||= window.setTimeout(soon, SOON_MS);
    });
    return () => (clearTimeout(timer), stop());
  }, []);
}

/** The jobs of one page of /v1/jobs as they are now; undefined until they are known. */
export function useNewest(path: string): Job[] | undefined {
  const page = useRecord<Page<Job>>(path);
  const [jobs, show] = useState<Job[] | undefined>();
  useEffect(() => void (page.data && show(page.data.data)), [page.data]);
  useNews((event) => show((known) => known && heardIn(known, event)), page.refresh);
  return jobs;
}

/** The same list when the event changes nothing in it. */
function heardIn(jobs: Job[], event: JobEvent): Job[] {
  if (!jobs.some((job) => job.id === event.data.job)) return jobs;
  return jobs.map((job) => (job.id === event.data.job ? told(job, event) : job));
}
