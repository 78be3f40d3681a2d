/** The workers as they come and go. */
import { useEffect, useState } from "preact/hooks";
import type { Page, WorkerInfo } from "../api/types";
import { seenNow, type Seen } from "../logic/workers";
import { useRecord } from "./poll";

const SECONDS = 3; // as often as they are heard

/** Undefined until they are known. */
export function useWorkers(): Seen[] | undefined {
  const living = useRecord<Page<WorkerInfo>>("/v1/workers", SECONDS);
  const [seen, show] = useState<Seen[] | undefined>();
  useEffect(() => {
    const found = living.data?.data;
    if (found) show((before) => seenNow(before ?? [], found, Date.now()));
  }, [living.data]);
  return seen;
}
