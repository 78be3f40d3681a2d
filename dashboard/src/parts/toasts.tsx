/** Short messages in a corner: what was done, or why not. */
import type { JSX } from "preact";
import { sentence } from "../api/http";
import { Cell, useCell } from "../state";
import { Icon } from "./icons";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

const toasts = new Cell<Toast[]>([]);
let count = 0;

export function say(text: string, bad = false): void {
  const toast = { id: ++count, text, bad };
  toasts.value = [...toasts.value.slice(-3), toast];
  window.setTimeout(() => drop(toast.id), bad ? 12_000 : 5_000);
}

/** Do something and tell what came of it; true when it worked. */
export async function tried<T>(
  work: Promise<T>,
  done: string | ((answer: T) => string),
): Promise<boolean> {
  try {
    const answer = await work;
    say(typeof done === "string" ? done : done(answer));
    return true;
  } catch (error) {
    say(sentence(error), true);
    return false;
  }
}

function drop(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts(): JSX.Element {
  const shown = useCell(toasts);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} class={toast.bad ? "toast bad" : "toast"}>
          <p>{toast.text}</p>
          <button
            class="bare icon"
            type="button"
            aria-label="Dismiss"
            onClick={() => drop(toast.id)}
          >
            <Icon name="close" size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
