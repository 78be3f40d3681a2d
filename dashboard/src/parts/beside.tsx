/** A button to the image before or behind the one that is shown. */
import type { JSX } from "preact";
import { Icon } from "./icons";

/** `next` undefined: there is none. */
export function Beside<T>(props: {
  by: 1 | -1;
  next: T | undefined;
  move: (next: T) => void;
}): JSX.Element {
  const { by, next, move } = props;
  return (
    <button
      class="icon"
      type="button"
      aria-label={by < 0 ? "Earlier seed" : "Later seed"}
      aria-disabled={next === undefined} // `disabled` would take the focus, and arrows with it
      onClick={() => next !== undefined && move(next)}
    >
      <Icon name={by < 0 ? "left" : "right"} size={15} />
    </button>
  );
}
