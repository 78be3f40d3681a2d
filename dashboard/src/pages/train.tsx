/** A new training: images, how long, and what it would take; everything else may be left alone. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { send, sentence } from "../api/http";
import type { Job } from "../api/types";
import { useRecord } from "../live/poll";
import { BEGIN, choiceOf, orderOf, type Choice, type Order } from "../logic/order";
import { Failure } from "../parts/bits";
import { Estimate } from "../parts/estimate";
import { Effort, Naming, Preset } from "../parts/train_form";
import { TrainImages } from "../parts/train_images";
import { go, rename, route, to, withQuery } from "../route";
import { useCell } from "../state";

export function Train(): JSX.Element {
  const { query } = useCell(route);
  const dataset = query.get("dataset") ?? "";
  const [choice, choose] = useState<Choice>(BEGIN);
  const order = orderOf({ ...choice, dataset });
  const unlike = useLike(query.get("like"), choose);
  const { busy, failure, start } = useStart(order);
  const submit = (event: Event) => {
    event.preventDefault();
    void start();
  };
  return (
    <form class="train" onSubmit={submit}>
      <div class="head">
        <h1>New training</h1>
      </div>
      <div class="stack">
        <Failure error={unlike} />
        <TrainImages
          dataset={dataset}
          take={(id) => rename(withQuery(to("train"), { dataset: id }))}
        />
        {dataset && (
          <>
            <How
              choice={choice}
              change={(changes) => choose((before) => ({ ...before, ...changes }))}
            />
            {!order.init_from && <Estimate order={order} />}
            <Start busy={busy} failure={failure} />
          </>
        )}
      </div>
    </form>
  );
}

/** Takes over the choices of an earlier training; answers why it cannot. */
function useLike(job: string | null, choose: (choice: Choice) => void): unknown {
  const { data, error } = useRecord<Job>(job && `/v1/jobs/${job}`);
  useEffect(() => {
    if (!data) return;
    const choice = choiceOf(data.input);
    choose(choice);
    rename(withQuery(to("train"), { dataset: choice.dataset }));
  }, [data]);
  return error;
}

/** Sends the order, and goes to the job that it becomes. */
function useStart(order: Order) {
  const [busy, work] = useState(false);
  const [failure, fail] = useState("");
  useEffect(() => fail(""), [order.dataset]);
  const start = async () => {
    work(true);
    try {
      go(to("jobs", (await send<Job>("POST", "/v1/train", order)).id));
    } catch (error) {
      fail(sentence(error));
    }
    work(false);
  };
  return { busy, failure, start };
}

function How(props: { choice: Choice; change: (changes: Partial<Choice>) => void }): JSX.Element {
  const count = Object.keys(props.choice.options).length;
  return (
    <section class="card stack" aria-label="How">
      <h2>How long?</h2>
      <Effort {...props} />
      <Naming {...props} />
      <details>
        <summary>Preset and options{count > 0 && `: ${count} chosen`}</summary>
        <Preset {...props} />
      </details>
    </section>
  );
}

function Start({ busy, failure }: { busy: boolean; failure: string }): JSX.Element {
  return (
    <>
      {failure && (
        <p class="note bad" role="alert">
          {failure}
        </p>
      )}
      <div class="actions">
        <button class="primary large" type="submit" disabled={busy}>
          Start the training
        </button>
        <span class="quiet">It can be watched, paused and cancelled at any time.</span>
      </div>
    </>
  );
}
