/** Goes on with a training that has ended, as a new job that publishes the next version. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { send, sentence } from "../api/http";
import type { Job } from "../api/types";
import { budgetOf, longer } from "../logic/order";
import { go, to } from "../route";
import { say } from "./toasts";

export function Longer({ job }: { job: Job }): JSX.Element | null {
  const budget = budgetOf(job.input.budget);
  const [more, choose] = useState(budget?.amount ?? 0);
  const [asking, ask] = useState(false);
  if (!budget) return null;
  const start = async (event: Event) => {
    event.preventDefault();
    try {
      const next = await send<Job>("POST", "/v1/train", longer(job.id, budget, more));
      go(to("jobs", next.id));
    } catch (error) {
      say(sentence(error), true);
    }
  };
  if (!asking) {
    return (
      <button type="button" onClick={() => ask(true)}>
        Train longer
      </button>
    );
  }
  return (
    <form class="row" onSubmit={(event) => void start(event)}>
      <More amount={more} unit={budget.unit} choose={choose} />
      <button class="primary" type="submit">
        Go on
      </button>
      <button class="bare" type="button" onClick={() => ask(false)}>
        Not now
      </button>
    </form>
  );
}

function More(props: {
  amount: number;
  unit: string;
  choose: (amount: number) => void;
}): JSX.Element {
  return (
    <label class="inline">
      <input
        class="short"
        type="number"
        min={0.01}
        step="any"
        required
        value={props.amount}
        onInput={(event) => props.choose(Number(event.currentTarget.value))}
      />
      more {props.unit}
    </label>
  );
}
