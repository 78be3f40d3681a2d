/** Chooses a model, or shows the checkpoint that an address names. */
import type { JSX } from "preact";
import type { Choice } from "../live/models";

export function ModelChoice(props: {
  choice: Choice;
  choose: (reference: string) => void;
}): JSX.Element {
  const { models, reference } = props.choice;
  const names = models.map(({ name }) => name);
  const other = reference && !names.includes(reference);
  return (
    <label class="inline">
      Model
      <select value={reference} onChange={(event) => props.choose(event.currentTarget.value)}>
        {other && <option value={reference}>{reference}</option>}
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
