/** Shows a page again now and then: what it says of times grows old. */
import { useEffect, useState } from "preact/hooks";

export function useClock(seconds: number): void {
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => turn((before) => before + 1), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
}
