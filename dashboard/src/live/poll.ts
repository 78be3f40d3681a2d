/** A record that is read again and again while it is looked at; what was known stays on a failure. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ask, passes, timely } from "../api/http";
import { Repeated } from "./repeat";

const RETRY_S = 3; // when the service is away: also what would be read once

export interface Known<T> {
  data: T | undefined;
  error: unknown;
  refresh: () => void;
}

interface Answer<T> {
  path: string | null;
  value?: T;
  error?: unknown;
}

/** `path` null: nothing to read yet. `seconds` 0: read once; another `turn`: read anew. */
export function useRecord<T>(path: string | null, seconds = 0, turn = ""): Known<T> {
  const [answer, show] = useState<Answer<T>>({ path });
  const reading = useRef<Repeated | undefined>(undefined);
  const refresh = useCallback(() => void reading.current?.again(), []);

  useEffect(() => {
    if (path === null) return;
    const read = async (signal: AbortSignal) => {
      try {
        const value = await ask<T>(path, { signal: timely(signal) });
        if (!signal.aborted) show({ path, value });
        return seconds;
      } catch (error) {
        if (signal.aborted) return 0;
        show((before) => ({ ...(before.path === path ? before : {}), path, error }));
        return passes(error) ? RETRY_S : seconds;
      }
    };
    const repeated = (reading.current = new Repeated(read));
    return () => repeated.stop();
  }, [path, seconds, turn]);

  const { value: data, error } = answer.path === path ? answer : {};
  return { data, error, refresh };
}
