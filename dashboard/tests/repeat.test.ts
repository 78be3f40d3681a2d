import { expect, test, vi } from "vitest";
import { Repeated } from "../src/live/repeat";

const page = Object.assign(new EventTarget(), { hidden: false });
vi.stubGlobal("document", page);
vi.stubGlobal("window", globalThis);

/** What is repeated, whose times end when the test says so. */
function work() {
  const ends: (() => void)[] = [];
  const begun = vi.fn(() => new Promise<number>((done) => ends.push(() => done(1))));
  const end = async () => {
    ends.shift()!();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { begun, end };
}

function turn(hidden: boolean): void {
  page.hidden = hidden;
  page.dispatchEvent(new Event("visibilitychange"));
}

test("one time comes after the other, and once more where somebody asked meanwhile", async () => {
  vi.useFakeTimers();
  const { begun, end } = work();
  const repeated = new Repeated(begun);
  void repeated.again();
  void repeated.again();
  expect(begun).toHaveBeenCalledTimes(1);
  await end();
  expect(begun).toHaveBeenCalledTimes(2);
  await end();
  await vi.advanceTimersByTimeAsync(1000);
  expect(begun).toHaveBeenCalledTimes(3);
  repeated.stop();
  await end();
  await vi.advanceTimersByTimeAsync(9000);
  expect(begun).toHaveBeenCalledTimes(3);
});

test("nothing is done while the page is hidden, and at once what was missed", async () => {
  vi.useFakeTimers();
  const { begun, end } = work();
  const repeated = new Repeated(begun);
  await end();
  turn(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun).toHaveBeenCalledTimes(1);
  turn(false);
  expect(begun).toHaveBeenCalledTimes(2);
  turn(true);
  turn(false);
  expect(begun).toHaveBeenCalledTimes(2);
  await end();
  repeated.stop();
});
