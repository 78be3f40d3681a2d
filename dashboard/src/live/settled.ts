/** A value as soon as it has not changed for a moment: what is typed or dragged. */
import { useEffect, useState } from "preact/hooks";

const SETTLED_MS = 250;

export function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => settle(text), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
