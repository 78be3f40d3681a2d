import { expect, test } from "vitest";
import type { Catalogue } from "../src/api/catalogue";
import type { Job } from "../src/api/types";
import { choicesOf, presetOf } from "../src/logic/options";

const catalogue: Catalogue = {
  presets: {
    auto: {
      summary: "",
      options: null,
      chooses: [
        { preset: "few", images_below: 500 },
        { preset: "balanced", images_below: null },
      ],
    },
    balanced: { summary: "", options: { architecture: "skip" }, chooses: [] },
    few: {
      summary: "",
      options: { architecture: "skip", lecam: 0.1, augment_p: 0.6 },
      chooses: [],
    },
  },
  metrics: {},
  options: {
    properties: { lr: { default: 0.001 }, batch: { default: 16 }, lecam: { default: 0 } },
  },
};

const job = (input: object, images = 100, architecture = "skip") =>
  ({
    input: { preset: "auto", options: {}, ...input },
    resolved: {
      architecture,
      options: { width: 24 },
      recipe: { lr: 0.001, batch: 32, lecam: 0.1, augment_p: 0.2 },
      dataset: { images },
    },
  }) as unknown as Job;

const origins = (of: Job) => {
  const preset = presetOf(of, catalogue)?.options ?? {};
  const { told, usual } = choicesOf(of, preset, catalogue.options.properties);
  return { told: told.map((row) => `${row.name} ${row.origin}`), usual: usual.map((r) => r.name) };
};

test("auto is the preset that fits the number of images, and none while that is not known", () => {
  expect(presetOf(job({}), catalogue)?.name).toBe("few");
  expect(presetOf(job({}, 500), catalogue)?.name).toBe("balanced");
  expect(presetOf({ ...job({}), resolved: null }, catalogue)).toBeUndefined();
  expect(presetOf(job({ preset: "few" }, 9000), catalogue)?.name).toBe("few");
  expect(presetOf(job({}), undefined)).toBeUndefined();
});

test("options tell who chose them, what was asked for first, the usual apart", () => {
  const found = origins(job({ options: { augment_p: 0.2 } }));
  expect(found.told).toEqual([
    "augment_p asked",
    "lecam preset",
    "architecture preset",
    "batch automatic",
  ]);
  expect(found.usual).toEqual(["lr", "width"]);
  const { told } = choicesOf(job({ options: { augment_p: 0.2 } }), { augment_p: 0.6 });
  expect(told[0]).toMatchObject({ value: "0.2", instead: "0.6" });
});

test("presets say nothing of other networks, and fine-tuned ones are the model's", () => {
  const other = origins(job({ options: { architecture: "r3" } }, 100, "r3"));
  expect(other.told).not.toContain("lecam preset");
  const tuned = origins(job({ origin: { name: "cats", version: 1 } }));
  expect(tuned.told).toContain("architecture model");
  expect(tuned.told).toContain("width model");
});

test("a training that has not begun has no options yet", () => {
  expect(choicesOf({ ...job({}), resolved: null }, {})).toEqual({ told: [], usual: [] });
});
