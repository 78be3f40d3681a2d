/** What is in a data set, as names and values. */
import type { JSX } from "preact";
import type { Dataset } from "../api/types";
import { bytes, plural } from "../logic/numbers";
import { Facts, When } from "./bits";

export function DatasetFacts({ dataset }: { dataset: Dataset }): JSX.Element {
  const able = dataset.trains.generate;
  const splits = Object.entries(dataset.splits).map(([name, count]) => `${name} ${count}`);
  const { min, max } = dataset.sizes;
  const told = dataset.columns.filter((column) => column !== "image");
  return (
    <section class="card">
      <h2>What is in it</h2>
      <Facts
        rows={[
          ["Images", plural(dataset.images, "image")],
          ["Colours", dataset.channels === 1 ? "grey" : "colour"],
          ["Prepared at", dataset.resolutions.map((side) => `${side} px`).join(", ")],
          ["As uploaded", min && max ? sizes(min.join(" × "), max.join(" × ")) : ""],
          ["Parts", splits.length > 1 ? splits.join(", ") : ""],
          ["Told of each", told.join(", ")],
          ["On disk", bytes(dataset.bytes)],
          ["Since", <When time={dataset.created_at} />],
          ["Can train", able === true ? "a generator" : String(able ?? "nothing")],
          ["SHA-256", <code>{dataset.sha256}</code>],
        ]}
      />
    </section>
  );
}

function sizes(least: string, most: string): string {
  return least === most ? `${least} px` : `${least} to ${most} px`;
}
