/** A button to the seed before or behind the one that is shown. */
import type { JSX } from "preact";
import { seedBeside } from "../logic/images";
import { Icon } from "./icons";

export function Beside(props: {
  seed: string;
  by: 1 | -1;
  move: (seed: string) => void;
}): JSX.Element {
  const next = seedBeside(props.seed, props.by);
  return (
    <button
      class="icon"
      type="button"
      aria-label={props.by < 0 ? "Earlier seed" : "Later seed"}
      disabled={next === undefined}
      onClick={() => next && props.move(next)}
    >
      <Icon name={props.by < 0 ? "left" : "right"} size={15} />
    </button>
  );
}
