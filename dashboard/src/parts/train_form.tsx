/** The fields of a new training that everybody sees. */
import type { JSX } from "preact";
import type { Catalogue } from "../api/catalogue";
import type { Model, Page } from "../api/types";
import { useRecord } from "../live/poll";
import { MINUTES, UNITS, type Choice } from "../logic/order";
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
  steps: "By steps, as in the training that this one is like.",
};

export function Effort({ choice, change }: Props): JSX.Element {
  const unit = UNITS[choice.effort];
  return (
    <div class="row">
      <Segments
        label="How long"
        choices={EFFORTS}
        chosen={choice.effort}
        choose={(effort) => change({ effort })}
      />
      {unit && (
        <input
          class="short"
          type="number"
          aria-label={unit}
          min={0.1}
          max={choice.effort === "minutes" ? 43200 : undefined}
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

export function Naming(props: Props): JSX.Element {
  return (
    <div class="thirds">
      <Name {...props} />
      <Resolution {...props} />
      <Origin {...props} />
    </div>
  );
}

function Name({ choice, change }: Props): JSX.Element {
  return (
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
  );
}

function Resolution({ choice, change }: Props): JSX.Element {
  return (
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
  );
}

/** The model whose weights are the beginning: fine-tuning needs less time and fewer images. */
function Origin({ choice, change }: Props): JSX.Element {
  const list = useRecord<Page<Model>>("/v1/models?limit=200");
  const known = (list.data?.data ?? []).map(({ name, version }) => `${name}@${version}`);
  const other = choice.origin && !known.includes(choice.origin) ? [choice.origin] : [];
  return (
    <div class="field">
      <label for="origin">Begin with</label>
      <select
        id="origin"
        value={choice.origin}
        onChange={(event) => change({ origin: event.currentTarget.value })}
      >
        <option value="">new networks</option>
        {[...other, ...known].map((reference) => (
          <option key={reference} value={reference}>
            the weights of {reference}
          </option>
        ))}
      </select>
    </div>
  );
}

function Seed({ choice, change }: Props): JSX.Element {
  return (
    <div class="field">
      <label for="training-seed">Seed of the training</label>
      <input
        id="training-seed"
        class="short"
        type="number"
        min={0}
        max={4294967295}
        value={choice.seed}
        onInput={(event) => change({ seed: Number(event.currentTarget.value) })}
      />
    </div>
  );
}

/** The preset, and every option of the catalogue above it. */
export function Preset({ choice, change }: Props): JSX.Element {
  const { data: catalogue, error } = useRecord<Catalogue>("/v1/catalogue", 30);
  if (!catalogue) return error ? <Failure error={error} /> : <Loading what="the catalogue" />;
  return (
    <div class="stack">
      <Seed choice={choice} change={change} />
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
