/** One data set: its images, what is in it, what was left out and why. */
import type { JSX } from "preact";
import { send } from "../api/http";
import type { Dataset } from "../api/types";
import { useRecord } from "../live/poll";
import { plural } from "../logic/numbers";
import { Bar, Facts, State, Unknown } from "../parts/bits";
import { DatasetFacts } from "../parts/dataset_facts";
import { tried } from "../parts/toasts";
import { go, to, withQuery } from "../route";

interface Report {
  skipped: { file: string; reason: string }[];
  skipped_reasons: Record<string, number>;
  duplicate_count: number;
  modes: Record<string, number>;
  tiny: number;
  warnings: string[];
}

const MOST_LISTED = 200;

export function DatasetPage({ id }: { id: string }): JSX.Element {
  const known = useRecord<Dataset>(`/v1/datasets/${id}`, 5);
  const dataset = known.data;
  if (!dataset) return <Unknown what="data set" list="data" error={known.error} />;
  const ready = dataset.state === "ready";
  const remove = async () => {
    if (!confirm(`Delete the data set ${dataset.name}? Models that were trained on it stay.`))
      return;
    const done = await tried(send("DELETE", `/v1/datasets/${id}`), `${dataset.name} is deleted.`);
    if (done) go(to("data"));
  };
  return (
    <>
      <div class="head">
        <h1>{dataset.name}</h1>
        <State name={dataset.state} />
        <span class="quiet mono">{dataset.id}</span>
        <div class="actions">
          <button class="danger" type="button" onClick={() => void remove()}>
            Delete
          </button>
          {ready && (
            <a class="button primary" href={withQuery(to("train"), { dataset: id })}>
              Train on it
            </a>
          )}
        </div>
      </div>
      {ready ? <Content dataset={dataset} /> : <Preparing dataset={dataset} />}
    </>
  );
}

function Preparing({ dataset }: { dataset: Dataset }): JSX.Element {
  return (
    <p class="note">
      Its images are being read. {dataset.job && <a href={to("jobs", dataset.job)}>Watch it</a>}
    </p>
  );
}

function Content({ dataset }: { dataset: Dataset }): JSX.Element {
  const { data: report } = useRecord<Report>(`/v1/datasets/${dataset.id}/report`);
  return (
    <div class="stack">
      {report?.warnings.map((warning) => (
        <p key={warning} class="note warn">
          {warning}
        </p>
      ))}
      <div class="halves">
        <section class="card">
          <h2>Some of its images</h2>
          <img
            class="sheet"
            src={`/v1/datasets/${dataset.id}/preview.png`}
            alt={`Contact sheet of ${dataset.name}`}
          />
        </section>
        <div class="stack">
          <DatasetFacts dataset={dataset} />
          <Balance dataset={dataset} />
          {report && <LeftOut report={report} />}
        </div>
      </div>
    </div>
  );
}

function Balance({ dataset }: { dataset: Dataset }): JSX.Element | null {
  const labels = Object.entries(dataset.labels).sort((a, b) => b[1] - a[1]);
  if (!labels.length) return null;
  const most = labels[0]![1] || 1;
  return (
    <section class="card">
      <h2>{dataset.attributes.length ? "Attributes" : "Classes"}</h2>
      <div class="balance">
        {labels
          .slice(0, MOST_LISTED)
          .map(([name, count]) => [
            <span class="break">{name}</span>,
            <Bar value={count / most} label={`${name}: ${count}`} />,
            <span class="numbers quiet">{count.toLocaleString("en")}</span>,
          ])}
      </div>
    </section>
  );
}

function LeftOut({ report }: { report: Report }): JSX.Element {
  const reasons = Object.entries(report.skipped_reasons);
  return (
    <section class="card">
      <h2>What was left out</h2>
      {reasons.length + report.duplicate_count === 0 && (
        <p class="quiet">Nothing: every file was used.</p>
      )}
      <Facts
        rows={[
          ...reasons.map(([reason, count]): [string, string] => [reason, plural(count, "file")]),
          [
            "copies of other images",
            report.duplicate_count ? plural(report.duplicate_count, "file") : "",
          ],
        ]}
      />
      {report.skipped.length > 0 && (
        <details>
          <summary>Which files</summary>
          <ul class="log">
            {report.skipped.slice(0, MOST_LISTED).map(({ file, reason }) => (
              <li key={file}>
                {file}: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}
