/** A form for every option of the catalogue, made from its JSON Schema: no second list of options. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { plainly } from "../logic/jobs";
import { written } from "../logic/options";
import { boundsOf, valueOf, type Schema } from "../logic/order";

interface Props {
  schema: Record<string, Schema>;
  options: Record<string, unknown>;
  change: (options: Record<string, unknown>) => void;
}

export function OptionForm({ schema, options, change }: Props): JSX.Element {
  const [text, search] = useState("");
  const names = Object.keys(schema).filter((name) => tells(name, schema[name]!, text));
  const set = (name: string, value: unknown) => {
    const { [name]: _, ...rest } = options;
    change(value === undefined ? rest : { ...rest, [name]: value });
  };
  return (
    <div class="stack">
      <div class="row">
        <input
          class="grow"
          type="search"
          aria-label="Search options"
          placeholder={`Search ${Object.keys(schema).length} options`}
          value={text}
          onInput={(event) => search(event.currentTarget.value)}
        />
        {Object.keys(options).length > 0 && (
          <button type="button" onClick={() => change({})}>
            As the preset has it
          </button>
        )}
      </div>
      <div class="options">
        {names.map((name) => (
          <Option
            key={name}
            name={name}
            schema={schema[name]!}
            value={options[name]}
            set={(value) => set(name, value)}
          />
        ))}
      </div>
    </div>
  );
}

function tells(name: string, { description }: Schema, text: string): boolean {
  const told = `${name} ${plainly(name)} ${description ?? ""}`;
  return told.toLowerCase().includes(text.toLowerCase());
}

function Option(props: {
  name: string;
  schema: Schema;
  value: unknown;
  set: (value: unknown) => void;
}): JSX.Element {
  const { name, schema, value, set } = props;
  const id = `option-${name}`;
  const text = value === undefined ? "" : written(value);
  const usual = schema.default === undefined ? "" : written(schema.default);
  const take = (typed: string) => set(valueOf(schema, typed));
  const choices = schema.type === "boolean" ? ["true", "false"] : schema.enum?.map(String);
  return (
    <div class="field">
      <label for={id}>{plainly(name)}</label>
      {choices ? (
        <select id={id} value={text} onChange={(event) => take(event.currentTarget.value)}>
          <option value="">as the preset has it{usual && ` (${usual})`}</option>
          {choices.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          value={text}
          placeholder={usual}
          onChange={(event) => take(event.currentTarget.value)}
        />
      )}
      <small>
        {schema.description} {boundsOf(schema)}
      </small>
    </div>
  );
}
