/** A button that unfolds into a small form in its place. Escape folds it; the focus goes along. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export function Unfold(props: {
  name: string;
  children: (fold: () => void) => JSX.Element;
}): JSX.Element {
  const frame = useRef<HTMLSpanElement>(null);
  const [open, turn] = useState<boolean | undefined>(); // undefined: not touched yet
  useEffect(() => {
    if (open !== undefined) frame.current?.querySelector<HTMLElement>("input, button")?.focus();
  }, [open]);
  return (
    <span
      ref={frame}
      class="unfold"
      onKeyDown={(event) => event.key === "Escape" && open && turn(false)}
    >
      {open ? (
        props.children(() => turn(false))
      ) : (
        <button type="button" onClick={() => turn(true)}>
          {props.name}
        </button>
      )}
    </span>
  );
}
