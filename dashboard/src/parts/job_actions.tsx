/** The buttons of a job: exactly what its `urls` say may be done now. */
import type { JSX } from "preact";
import { send, sentence } from "../api/http";
import type { Job } from "../api/types";
import { clamp } from "../logic/numbers";
import { go, to } from "../route";
import { Icon } from "./icons";
import { say } from "./toasts";

const WORDS = {
  sample: ["Sample now", "A sample is being drawn."],
  checkpoint: ["Checkpoint now", "The state is being saved."],
  pause: ["Pause", "It pauses as soon as its state is saved."],
  resume: ["Resume", "It goes on."],
  retry: ["Retry", "It begins again as a new job."],
  cancel: ["Cancel", "It ends; a training keeps what it has learnt."],
} as const;
export type Word = keyof typeof WORDS;

async function ask(job: Job, word: Word): Promise<Job | undefined> {
  try {
    const answer = await send<Job>("POST", job.urls[word]!);
    say(WORDS[word][1]);
    if (word === "retry") go(to("jobs", answer.id));
    return answer;
  } catch (error) {
    say(sentence(error), true);
    return undefined;
  }
}

export function JobActions(props: {
  job: Job;
  words?: Word[];
  changed: (job: Job) => void;
}): JSX.Element {
  const { job, changed } = props;
  const offered = (props.words ?? (Object.keys(WORDS) as Word[])).filter((word) => job.urls[word]);
  const press = async (word: Word) => {
    const after = await ask(job, word);
    if (after && after.id === job.id) changed(after);
  };
  return (
    <>
      {offered.map((word) => (
        <button
          key={word}
          type="button"
          class={word === "cancel" ? "danger" : ""}
          onClick={() => void press(word)}
        >
          {WORDS[word][0]}
        </button>
      ))}
    </>
  );
}

/** Earlier or later in the queue. */
export function Reorder(props: { job: Job; changed: (job: Job) => void }): JSX.Element | null {
  const { job } = props;
  if (!["queued", "recovering", "paused"].includes(job.state)) return null;
  const move = async (by: number) => {
    const priority = clamp(job.priority + by, -10, 10);
    try {
      props.changed(await send<Job>("PATCH", `/v1/jobs/${job.id}`, { priority }));
    } catch (error) {
      say(sentence(error), true);
    }
  };
  return (
    <span class="row tight" title={`Priority ${job.priority}, from -10 to 10`}>
      <button class="bare icon" type="button" aria-label="Earlier" onClick={() => void move(1)}>
        <Icon name="up" size={14} />
      </button>
      <span class="numbers quiet" aria-label="Priority">
        {job.priority}
      </span>
      <button class="bare icon" type="button" aria-label="Later" onClick={() => void move(-1)}>
        <Icon name="down" size={14} />
      </button>
    </span>
  );
}
