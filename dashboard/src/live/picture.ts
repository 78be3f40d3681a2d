/** An image that follows its address: one request at a time, and always the newest wish next. */
import { useEffect, useRef, useState } from "preact/hooks";
import { reach, refusal } from "../api/http";

export interface Shown {
  bitmap?: ImageBitmap;
  address?: string; // of the bitmap
  seed?: string; // as the service understood it
  model?: string;
  cache?: string;
  timing?: string | null;
  milliseconds?: number; // of the whole request
  error?: unknown;
}

export function usePicture(address: string | null): Shown {
  const [shown, show] = useState<Shown>({});
  const wished = useRef<string | null>(null);
  const busy = useRef(false);
  const gone = useRef(false);

  useEffect(() => {
    gone.current = false;
    return () => void (gone.current = true);
  }, []);

  useEffect(() => {
    wished.current = address;
    if (busy.current) return;
    const work = async () => {
      busy.current = true;
      while (wished.current !== null && !gone.current) {
        const next: string = wished.current;
        wished.current = null;
        const made = await fetched(next).catch((error: unknown): Shown => ({ error }));
        if (!gone.current) show((before) => (made.error ? { ...before, error: made.error } : made));
      }
      busy.current = false;
    };
    void work();
  }, [address]);
  return shown;
}

async function fetched(address: string): Promise<Shown> {
  const started = performance.now();
  const answer = await reach(address, { headers: { Accept: "image/png" } });
  if (!answer.ok) throw await refusal(answer);
  const content = await answer.blob();
  const milliseconds = performance.now() - started;
  const { headers } = answer;
  return {
    bitmap: await createImageBitmap(content),
    address,
    milliseconds,
    seed: decodeURIComponent(headers.get("X-Seed") ?? ""),
    model: `${headers.get("X-Model")}@${headers.get("X-Model-Version")}`,
    cache: headers.get("X-Cache") ?? "browser",
    timing: headers.get("Server-Timing"),
  };
}
