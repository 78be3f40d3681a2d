/** Chooses a model and its version, or shows the checkpoint that an address names. */
import type { JSX } from "preact";
import type { Job, NamedModel } from "../api/types";
import type { Choice } from "../live/models";
import { useRecord } from "../live/poll";
import { subject } from "../logic/jobs";
import { short } from "../logic/numbers";

interface Props {
  choice: Choice;
  choose: (reference: string) => void;
}

export function ModelChoice({ choice, choose }: Props): JSX.Element {
  const { models, reference } = choice;
  const [name = "", version = ""] = reference.split("@");
  const checkpoint = name.includes(":");
  const names = models.map((model) => model.name);
  return (
    <>
      <label class="inline">
        Model
        <select
          value={checkpoint ? reference : name}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {checkpoint && <Checkpoint reference={reference} />}
          {names.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      {name && !checkpoint && <Version name={name} version={version} choose={choose} />}
    </>
  );
}

/** The training and the step that `job:{id}@{step}` names. */
function Checkpoint({ reference }: { reference: string }): JSX.Element {
  const [id = "", step] = reference.slice("job:".length).split("@");
  const { data: job } = useRecord<Job>(`/v1/jobs/${id}`);
  const at = step ? `step ${short(Number(step))}` : "newest checkpoint";
  return <option value={reference}>{job ? `${subject(job)}, ${at}` : reference}</option>;
}

function Version(props: {
  name: string;
  version: string; // a number, an alias, or empty for the newest
  choose: (reference: string) => void;
}): JSX.Element {
  const { name, version, choose } = props;
  const { data } = useRecord<NamedModel>(`/v1/models/${name}`, 15);
  const aliases = Object.entries(data?.aliases ?? {}).filter(([alias]) => alias !== "latest");
  const chosen = version === "latest" ? "" : version;
  return (
    <label class="inline">
      Version
      <select
        value={chosen}
        onChange={(event) => choose([name, event.currentTarget.value].filter(Boolean).join("@"))}
      >
        <option value="">newest{data && ` (${data.version})`}</option>
        {!data && chosen && <option value={chosen}>{chosen}</option>}
        {aliases.map(([alias, number]) => (
          <option key={alias} value={alias}>
            {alias} ({number})
          </option>
        ))}
        {data?.versions.map((number) => (
          <option key={number} value={String(number)}>
            {number}
          </option>
        ))}
      </select>
    </label>
  );
}
