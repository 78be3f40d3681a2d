/** The fields of a new training that everybody sees. */
import type { JSX } from "preact";
import type { Catalogue } from "../api/catalogue";
import { useRecord } from "../live/poll";
import { MINUTES, type Choice } from "../logic/order";
import { duration } from "../logic/time";
import { Failure, Loading, Segments } from "./bits";
import { OptionForm } from "./option_form";

interface Props {
  choice: Choice;
  change: (changes: Partial<Choice>) => void;
}

const EFFORTS = [
  ["quick", "10 minutes"],
  ["standard", "an hour"],
  ["best", "a night"],
  ["minutes", "minutes …"],
  ["kimg", "images …"],
] as const;
const TOLD: Record<Choice["effort"], string> = {
  quick: "Enough to see what becomes of it.",
  standard: "Ends early when nothing improves.",
  best: `At most ${duration(MINUTES.best * 60)}; ends early when nothing improves.`,
  minutes: "Exactly as long as you say.",
  kimg: "By thousands of images shown.",
};

export function Effort({ choice, change }: Props): JSX.Element {
  const exact = choice.effort === "minutes" || choice.effort === "kimg";
  return (
    <div class="row">
      <Segments
        label="How long"
        choices={EFFORTS}
        chosen={choice.effort}
        choose={(effort) => change({ effort })}
      />
      {exact && (
        <input
          class="short"
          type="number"
          aria-label={choice.effort === "minutes" ? "Minutes" : "Thousands of images"}
          min={0.1}
          max={43200}
          step="any"
          required
          value={choice.amount}
          onInput={(event) => change({ amount: Number(event.currentTarget.value) })}
        />
      )}
      <span class="quiet">{TOLD[choice.effort]}</span>
    </div>
  );
}

export function Naming({ choice, change }: Props): JSX.Element {
  return (
    <div class="thirds">
      <div class="field">
        <label for="name">Name of the model</label>
        <input
          id="name"
          value={choice.name}
          placeholder="as the data set"
          pattern="[a-z0-9][a-z0-9_\-]*"
          maxLength={64}
          title="a-z, 0-9, _ and -"
          onInput={(event) => change({ name: event.currentTarget.value })}
        />
      </div>
      <div class="field">
        <label for="resolution">Resolution</label>
        <select
          id="resolution"
          value={choice.resolution}
          onChange={(event) => change({ resolution: Number(event.currentTarget.value) })}
        >
          {[0, 32, 64, 128, 256].map((side) => (
            <option key={side} value={side}>
              {side ? `${side} px` : "chosen for you"}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="training-seed">Seed of the training</label>
        <input
          id="training-seed"
          type="number"
          min={0}
          max={4294967295}
          value={choice.seed}
          onInput={(event) => change({ seed: Number(event.currentTarget.value) })}
        />
      </div>
    </div>
  );
}

/** The preset, and every option of the catalogue above it. */
export function Preset({ choice, change }: Props): JSX.Element {
  const { data: catalogue, error } = useRecord<Catalogue>("/v1/catalogue", 30);
  if (!catalogue) return error ? <Failure error={error} /> : <Loading what="the catalogue" />;
  return (
    <div class="stack">
      <fieldset class="stack tight">
        <legend>Preset</legend>
        {Object.entries(catalogue.presets).map(([name, { summary }]) => (
          <label key={name} class="check">
            <input
              type="radio"
              name="preset"
              checked={choice.preset === name}
              onChange={() => change({ preset: name })}
            />
            <span>
              <strong>{name}</strong> <span class="quiet">{summary.replaceAll("`", "")}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <OptionForm
        schema={catalogue.options.properties}
        options={choice.options}
        change={(options) => change({ options })}
      />
    </div>
  );
}
