/** GET /metrics again and again, for as long as the page is open. */
import { useEffect, useState } from "preact/hooks";
import { reach } from "../api/http";
import { measured, type Measured } from "../logic/prometheus";
import { reading, type Reading } from "../logic/traffic";

const SECONDS = 5;
const MOST = 240; // readings: twenty minutes

export interface Counted {
  newest: Measured[];
  readings: Reading[];
}

export function useCounters(): Counted {
  const [counted, show] = useState<Counted>({ newest: [], readings: [] });
  useEffect(() => {
    let gone = false;
    const read = async () => {
      const answer = await reach("/metrics");
      const newest = measured(await answer.text());
      const away = newest.length < 2; // only that Redis is
      if (gone || away || !answer.ok) return;
      const now = reading(newest, Date.now());
      show(({ readings }) => ({ newest, readings: [...readings.slice(1 - MOST), now] }));
    };
    const tried = () => void (document.hidden || read().catch(() => undefined));
    tried();
    const timer = window.setInterval(tried, SECONDS * 1000);
    return () => ((gone = true), clearInterval(timer));
  }, []);
  return counted;
}
