/** GET /metrics again and again, for as long as the page is open. */
import { useEffect, useState } from "preact/hooks";
import { reach } from "../api/http";
import { measured, type Measured } from "../logic/prometheus";
import { reading, type Reading } from "../logic/traffic";
import { Repeated } from "./repeat";

const SECONDS = 5;
const MOST = 240; // readings: twenty minutes

export interface Counted {
  newest: Measured[];
  readings: Reading[];
}

export function useCounters(): Counted {
  const [counted, show] = useState<Counted>({ newest: [], readings: [] });
  useEffect(() => {
    const read = async (signal: AbortSignal) => {
      const answer = await reach("/metrics", { signal });
      const newest = measured(await answer.text());
      const away = newest.length < 2; // only that Redis is
      if (away || !answer.ok) return;
      const now = reading(newest, Date.now());
      show(({ readings }) => ({ newest, readings: [...readings.slice(1 - MOST), now] }));
    };
    const repeated = new Repeated(async (signal) => {
      await read(signal).catch(() => undefined);
      return SECONDS;
    });
    return () => repeated.stop();
  }, []);
  return counted;
}
