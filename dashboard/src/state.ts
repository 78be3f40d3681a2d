/** A value that pages can watch: the little shared state there is (connection, route, theme). */
import { useEffect, useState } from "preact/hooks";

export class Cell<T> {
  private watchers = new Set<(value: T) => void>();

  constructor(private held: T) {}

  get value(): T {
    return this.held;
  }

  set value(next: T) {
    if (Object.is(next, this.held)) return;
    this.held = next;
    for (const watcher of [...this.watchers]) watcher(next);
  }

  watch(watcher: (value: T) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}

export function useCell<T>(cell: Cell<T>): T {
  const [value, show] = useState(() => cell.value);
  useEffect(() => {
    show(() => cell.value);
    return cell.watch((next) => show(() => next));
  }, [cell]);
  return value;
}
