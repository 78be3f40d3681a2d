/** The states of a training that are kept: to try, and to publish as a version of its model. */
import type { JSX } from "preact";
import { send } from "../api/http";
import type { Job, JobCheckpoint, Model } from "../api/types";
import { useRecord } from "../live/poll";
import { ended } from "../logic/jobs";
import { bytes, short } from "../logic/numbers";
import { to, withQuery } from "../route";
import { Empty, Failure } from "./bits";
import { tried } from "./toasts";

/** `turn`: another one when there may be new ones. */
export function Checkpoints({ job, turn }: { job: Job; turn: number }): JSX.Element {
  const path = `/v1/jobs/${job.id}/checkpoints`;
  const { data, error, refresh } = useRecord<{ data: JobCheckpoint[] }>(
    path,
    0,
    `${job.state} ${turn}`,
  );
  const found = data?.data;
  return (
    <section class="card">
      <h2>Checkpoints</h2>
      <Failure error={error} />
      {found?.length === 0 && (
        <Empty icon="models" title={ended(job) ? "None were saved" : "None yet"}>
          {!ended(job) && (
            <p>A state is saved every minute; each can be tried at once, and published.</p>
          )}
        </Empty>
      )}
      {!!found?.length && (
        <table class="checkpoints">
          <tbody>
            {found.map((one) => (
              <Row key={one.step} job={job} checkpoint={one} changed={refresh} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Row(props: { job: Job; checkpoint: JobCheckpoint; changed: () => void }): JSX.Element {
  const { job, checkpoint, changed } = props;
  return (
    <tr>
      <td>Step {short(checkpoint.step)}</td>
      <td class="number">{short(checkpoint.kimg * 1000)} images</td>
      <td class="number quiet">{bytes(checkpoint.bytes)}</td>
      <td class="number">
        {checkpoint.model && (
          <a href={withQuery(to("play"), { model: checkpoint.model, seed: 0 })}>Try it</a>
        )}
      </td>
      <td>{checkpoint.model && <Version job={job} checkpoint={checkpoint} changed={changed} />}</td>
    </tr>
  );
}

/** What it is published as, or the button that does it. */
function Version(props: { job: Job; checkpoint: JobCheckpoint; changed: () => void }): JSX.Element {
  const { job, checkpoint, changed } = props;
  const [newest] = checkpoint.published;
  const publish = async () => {
    const address = `/v1/jobs/${job.id}/checkpoints/${checkpoint.step}/publish`;
    await tried(
      send<Model>("POST", address),
      ({ name, version }) => `Step ${short(checkpoint.step)} is ${name}, version ${version}.`,
    );
    changed();
  };
  if (newest === undefined) {
    return (
      <button
        type="button"
        title={`Make it the next version of ${String(job.input.model)}`}
        onClick={() => void publish()}
      >
        Publish
      </button>
    );
  }
  const [name = "", version = ""] = newest.split("@");
  return (
    <a class="break" href={to("models", name)}>
      {name}, version {version}
    </a>
  );
}
