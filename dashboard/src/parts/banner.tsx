/** Says when the service, or a kind of worker, is away. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { reach, reachable, timely } from "../api/http";
import { Repeated } from "../live/repeat";
import { useCell } from "../state";

const SECONDS = 3;
const ANSWER_MS = 5000;

export function Banner(): JSX.Element | null {
  const there = useCell(reachable);
  const reasons = useReasons();
  if (!there) {
    return (
      <div class="banner bad" role="alert">
        <span class="pulse">●</span> The service does not answer. What is shown may be old; it goes
        on by itself.
      </div>
    );
  }
  if (!reasons.length) return null;
  return (
    <div class="banner" role="status">
      {reasons.join(" ")} Work waits until it is back.
    </div>
  );
}

/** Why the service is not ready, asked again and again. */
function useReasons(): string[] {
  const [reasons, tell] = useState<string[]>([]);

  useEffect(() => {
    const repeated = new Repeated(async (signal) => {
      try {
        const answer = await reach("/readyz", { signal: timely(signal, ANSWER_MS) });
        const record = (await answer.json()) as { reasons?: string[]; detail?: string };
        tell(answer.ok ? [] : (record.reasons ?? [record.detail ?? "It is not ready."]));
      } catch {
        tell([]); // `reachable` says it
      }
      return SECONDS;
    });
    return () => repeated.stop();
  }, []);
  return reasons;
}
