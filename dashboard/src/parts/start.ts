/** The shortest way into a training: the drawn creatures. */
import { send, sentence } from "../api/http";
import type { Job } from "../api/types";
import { go, to } from "../route";
import { say } from "./toasts";

export async function startSprites(minutes: number): Promise<void> {
  try {
    const order = { dataset: "sample:sprites", name: "sprites", budget: { minutes } };
    const job = await send<Job>("POST", "/v1/train", order);
    go(to("jobs", job.id));
  } catch (error) {
    say(sentence(error), true);
  }
}
