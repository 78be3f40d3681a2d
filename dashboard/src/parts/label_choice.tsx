/** A class, or any number of attributes, as the model has them. */
import type { JSX } from "preact";
import type { Model } from "../api/types";

export type Conditions = Pick<Model, "classes" | "attributes">;

export function LabelChoice(props: {
  model: Conditions;
  label: string;
  choose: (label: string) => void;
}): JSX.Element | null {
  const { model, label, choose } = props;
  if (model.attributes.length) return <Attributes {...props} />;
  if (!model.classes.length) return null;
  return (
    <label class="inline">
      Class
      <select value={label} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">as the seed has it</option>
        {model.classes.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Attributes(props: {
  model: Conditions;
  label: string;
  choose: (label: string) => void;
}): JSX.Element {
  const { model, label, choose } = props;
  const on = new Set(label === "none" ? [] : label.split(",").filter(Boolean));
  const turn = (name: string) => {
    if (!on.delete(name)) on.add(name);
    choose([...on].join(",") || "none");
  };
  return (
    <div class="choice" role="group" aria-label="Attributes">
      <button type="button" aria-pressed={label === ""} onClick={() => choose("")}>
        as the seed has them
      </button>
      {model.attributes.map((name) => (
        <button key={name} type="button" aria-pressed={on.has(name)} onClick={() => turn(name)}>
          {name}
        </button>
      ))}
    </div>
  );
}
