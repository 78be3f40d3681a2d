/** What is ordered here is watched on the page of its job. */
import { send, sentence } from "../api/http";
import type { Job } from "../api/types";
import { go, to } from "../route";
import { say } from "./toasts";

export async function start(path: string, order: object): Promise<void> {
  try {
    go(to("jobs", (await send<Job>("POST", path, order)).id));
  } catch (error) {
    say(sentence(error), true);
  }
}

/** The shortest way into a training: the drawn creatures. */
export function startSprites(minutes: number): Promise<void> {
  return start("/v1/train", { dataset: "sample:sprites", name: "sprites", budget: { minutes } });
}
