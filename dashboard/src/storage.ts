/** What this browser remembers. A browser that may not store anything forgets it, that is all. */

export function remembered<T>(name: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(`ganvas.${name}`);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise;
  }
}

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(`ganvas.${name}`, JSON.stringify(value));
  } catch {
    return;
  }
}
