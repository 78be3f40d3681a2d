import { expect, test } from "vitest";
import type { Job, WorkerInfo } from "../src/api/types";
import { heard, jobsOf, seenNow } from "../src/logic/workers";

const NOW = Date.parse("2026-03-10T12:00:00Z");
const worker = (id: string, heartbeat_at: string | null = null) =>
  ({ id, heartbeat_at, queues: ["train"] }) as unknown as WorkerInfo;

test("a worker that has gone is shown for two minutes, and comes back as itself", () => {
  let seen = seenNow([], [worker("a"), worker("b")], NOW);
  seen = seenNow(seen, [worker("b")], NOW + 3000);
  expect(seen.map((one) => [one.worker.id, one.gone])).toEqual([
    ["b", null],
    ["a", NOW + 3000],
  ]);
  seen = seenNow(seen, [worker("b")], NOW + 63_000);
  expect(heard(seen[1]!, NOW + 63_000)).toEqual({ words: "gone 1 min ago", late: true });
  expect(seenNow(seen, [worker("b"), worker("a")], NOW + 64_000)[1]!.gone).toBeNull();
  expect(seenNow(seen, [worker("b")], NOW + 124_000)).toHaveLength(1);
});

test("heartbeats are told from now, and a wrong clock tells nothing", () => {
  const words = (time: string | null) => heard({ worker: worker("a", time), gone: null }, NOW);
  expect(words("2026-03-10T11:59:58Z")).toEqual({ words: "seen 2 s ago", late: false });
  expect(words("2026-03-10T11:59:48Z")).toEqual({ words: "seen 12 s ago", late: true });
  expect(words("2026-03-10T12:00:01Z").words).toBe("seen 1 s ago");
  expect(words("2026-03-10T13:00:00Z")).toEqual({ words: "lives", late: false });
  expect(words(null).words).toBe("lives");
});

test("a worker is at the jobs that run and name it", () => {
  const jobs = [
    { id: "1", worker: "a", state: "running" },
    { id: "2", worker: "a", state: "succeeded" },
    { id: "3", worker: "b", state: "running" },
    { id: "4", worker: "a", state: "cancelling" },
  ] as Job[];
  expect(jobsOf(worker("a"), jobs).map((job) => job.id)).toEqual(["1", "4"]);
});
