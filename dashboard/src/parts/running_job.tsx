/** A training at work: how far it is, and its newest images. */
import type { JSX } from "preact";
import type { Job, Sample } from "../api/types";
import { useNews } from "../live/news";
import { useRecord } from "../live/poll";
import { subject } from "../logic/jobs";
import { percent, short } from "../logic/numbers";
import { duration } from "../logic/time";
import { to } from "../route";
import { Bar, State } from "./bits";

export function RunningJob({ job }: { job: Job }): JSX.Element {
  const samples = useRecord<{ data: Sample[] }>(`/v1/jobs/${job.id}/samples`);
  useNews(({ type, data }) => {
    if (type === "sample" && data.job === job.id) samples.refresh();
  }, samples.refresh);
  const newest = samples.data?.data.at(-1);
  const { value, kimg, images_per_second: rate, eta_seconds: left } = job.progress;
  return (
    <section class="card at-work" aria-label={`Training of ${subject(job)}`}>
      <a class="thumb" href={to("jobs", job.id)} aria-label="Watch it">
        {newest ? (
          <img class="pixels" src={newest.url} alt={`Images at step ${newest.step}`} />
        ) : (
          <span class="quiet">no images yet</span>
        )}
      </a>
      <div class="stack tight">
        <div class="row">
          <h2>
            <a href={to("jobs", job.id)}>{subject(job)}</a>
          </h2>
          <State name={job.state} />
          <span class="quiet">{job.phase}</span>
        </div>
        <Bar value={value} state={job.state} label="Progress" />
        <p class="quiet numbers">
          {percent(value)} · {short((kimg ?? 0) * 1000)} images shown · {short(rate ?? 0)} images/s
          {left ? ` · ${duration(left)} left` : ""}
        </p>
      </div>
    </section>
  );
}
