/** What a training would take, asked of the service: POST /v1/estimate. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, send, sentence } from "../api/http";
import type { Job } from "../api/types";
import { ended } from "../logic/jobs";
import { bytes, short } from "../logic/numbers";
import type { Order } from "../logic/order";
import { duration } from "../logic/time";
import { Figure } from "./bits";

const LOOK_MS = 700;

interface Estimated {
  seconds: number;
  images_per_second: number;
  kimg: number;
  epochs: number;
  memory_bytes: number;
  disk_bytes: number;
  parameters: Record<string, number>; // of each network
  device: string;
}

export function Estimate({ order }: { order: Order }): JSX.Element {
  const { found, phase, failure, estimate } = useEstimate(order);
  return (
    <section class="card" aria-label="Estimate">
      <header>
        <h2>What will it take?</h2>
        <div class="actions">
          <button type="button" disabled={phase !== ""} onClick={() => void estimate()}>
            {phase ? "Trying …" : "Estimate"}
          </button>
        </div>
      </header>
      {!found && !failure && (
        <p class="quiet" aria-live="polite">
          {phase ||
            "Tries some steps on this machine: time, memory and disk, before anything is begun."}
        </p>
      )}
      {failure && (
        <p class="note bad" role="alert">
          {failure}
        </p>
      )}
      {found && <Told found={found} />}
    </section>
  );
}

/** An estimate that somebody asks for; another order forgets it. */
function useEstimate(order: Order) {
  const [found, show] = useState<Estimated | null>(null);
  const [phase, tell] = useState("");
  const [failure, fail] = useState("");
  const running = useRef<AbortController | undefined>(undefined);
  const key = JSON.stringify(order);
  useEffect(() => {
    show(null);
    fail("");
    return () => running.current?.abort();
  }, [key]);

  const estimate = async () => {
    const stopped = new AbortController();
    running.current = stopped;
    fail("");
    tell("asking");
    try {
      show(await estimated(order, tell, stopped.signal));
    } catch (error) {
      if (!stopped.signal.aborted) fail(sentence(error));
    }
    tell("");
  };
  return { found, phase, failure, estimate };
}

function Told({ found }: { found: Estimated }): JSX.Element {
  return (
    <dl class="figures">
      <Figure name="Time">{duration(found.seconds)}</Figure>
      <Figure name="Speed">
        {short(found.images_per_second)} <small>images/s on {found.device}</small>
      </Figure>
      <Figure name="Each image is shown">{short(found.epochs)} times</Figure>
      <Figure name="Memory">{bytes(found.memory_bytes)}</Figure>
      <Figure name="Disk">{bytes(found.disk_bytes)}</Figure>
      <Figure name="Networks">
        {Object.values(found.parameters).map(short).join(" + ")} <small>parameters</small>
      </Figure>
    </dl>
  );
}

/** Raises Problem, and what the estimate fails with. */
async function estimated(
  order: Order,
  tell: (phase: string) => void,
  signal: AbortSignal,
): Promise<Estimated> {
  let job = await send<Job>("POST", "/v1/estimate", order);
  while (!ended(job)) {
    if (signal.aborted) throw new Error("stopped");
    tell(job.state === "queued" ? "waiting for a worker" : (job.phase ?? "starting"));
    await new Promise((go) => setTimeout(go, LOOK_MS));
    job = await ask<Job>(`/v1/jobs/${job.id}`, { signal });
  }
  if (job.state !== "succeeded")
    throw new Error(job.error?.detail ?? "The estimate was cancelled.");
  return job.output as unknown as Estimated;
}
