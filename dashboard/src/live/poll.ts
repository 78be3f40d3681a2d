/** A record that is read again and again while it is looked at; what was known stays on a failure. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../api/http";

const ANSWER_MS = 30_000; // later than that, nothing comes on this connection

export interface Known<T> {
  data: T | undefined;
  error: unknown;
  refresh: () => void;
}

/** `path` null: nothing to read yet. `seconds` 0: read once. */
export function useRecord<T>(path: string | null, seconds = 0): Known<T> {
  const [data, show] = useState<{ path: string; value: T } | undefined>();
  const [error, fail] = useState<unknown>();
  const again = useRef<() => void>(() => {});
  const refresh = useCallback(() => again.current(), []);

  useEffect(() => {
    if (path === null) return;
    const ended = new AbortController();
    let timer = 0;
    const read = async () => {
      clearTimeout(timer);
      try {
        const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(ANSWER_MS)]);
        const value = await ask<T>(path, { signal });
        if (ended.signal.aborted) return;
        show({ path, value });
        fail(undefined);
      } catch (reason) {
        if (ended.signal.aborted) return;
        fail(reason);
      }
      if (seconds && !document.hidden) timer = window.setTimeout(read, seconds * 1000);
    };
    const seen = () => {
      if (!document.hidden && seconds) void read();
    };
    again.current = () => void read();
    document.addEventListener("visibilitychange", seen);
    void read();
    return () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, seconds]);

  return { data: data?.path === path ? data?.value : undefined, error, refresh };
}
