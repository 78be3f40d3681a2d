/** Goes on with a training that has ended, as a new job that publishes the next version. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Job } from "../api/types";
import { budgetOf, longer, UNITS, type Budget } from "../logic/order";
import { start } from "./start";
import { Unfold } from "./unfold";

export function Longer({ job }: { job: Job }): JSX.Element | null {
  const budget = budgetOf(job.input.budget);
  if (!budget) return null;
  return (
    <Unfold name="Train longer">
      {(fold) => <Form job={job.id} budget={budget} fold={fold} />}
    </Unfold>
  );
}

function Form(props: { job: string; budget: Budget; fold: () => void }): JSX.Element {
  const { job, budget, fold } = props;
  const [more, choose] = useState(budget.amount);
  const order = (event: Event) => {
    event.preventDefault();
    void start("/v1/train", longer(job, budget, more));
  };
  return (
    <form class="row" onSubmit={order}>
      <label class="inline">
        <input
          class="short"
          type="number"
          min={0.01}
          step="any"
          required
          value={more}
          onInput={(event) => choose(Number(event.currentTarget.value))}
        />
        more {UNITS[budget.unit]}
      </label>
      <button class="primary" type="submit">
        Go on
      </button>
      <button class="bare" type="button" onClick={fold}>
        Not now
      </button>
    </form>
  );
}
