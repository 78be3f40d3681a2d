/** The request of a training, from what a person has chosen on the page. */

export interface Choice {
  dataset: string;
  name: string;
  preset: string;
  effort: "quick" | "standard" | "best" | "minutes" | "kimg" | "steps";
  amount: number; // of minutes, kimg or steps
  resolution: number; // 0: as the data set has it
  seed: number;
  origin: string; // a model whose weights are the beginning; empty: none
  options: Record<string, unknown>;
}

export const BEGIN: Choice = {
  dataset: "",
  name: "",
  preset: "auto",
  effort: "quick",
  amount: 5,
  resolution: 0,
  seed: 0,
  origin: "",
  options: {},
};

export interface Order {
  dataset: string;
  name?: string;
  preset: string;
  effort?: string;
  budget?: Record<string, number>;
  resolution?: number;
  seed: number;
  init_from?: string;
  options: Record<string, unknown>;
}

export const MINUTES = { quick: 10, standard: 60, best: 480 };

export function orderOf(choice: Choice): Order {
  const order: Order = {
    dataset: choice.dataset,
    preset: choice.preset,
    seed: choice.seed,
    options: choice.options,
  };
  if (choice.name) order.name = choice.name;
  if (choice.resolution) order.resolution = choice.resolution;
  if (choice.origin) order.init_from = choice.origin;
  if (choice.effort in MINUTES) order.effort = choice.effort;
  else order.budget = { [choice.effort]: choice.amount };
  return order;
}

/** What a person would have to choose to order the training once more. */
export function choiceOf(input: Record<string, unknown>): Choice {
  const text = (name: string) => (typeof input[name] === "string" ? (input[name] as string) : "");
  const effort = text("effort");
  const { unit, amount } = budgetOf(input.budget) ?? { unit: "minutes", amount: 10 };
  return {
    dataset: text("dataset_id"),
    name: text("model"),
    preset: text("preset") || BEGIN.preset,
    effort: (effort in MINUTES ? effort : unit) as Choice["effort"],
    amount,
    resolution: Number(input.resolution) || 0,
    seed: Number(input.seed) || 0,
    origin: text("init_from"),
    options: (input.options ?? {}) as Record<string, unknown>,
  };
}

export interface Budget {
  unit: string; // minutes, kimg or steps
  amount: number;
}

export const UNITS: Record<string, string> = {
  minutes: "minutes",
  kimg: "thousands of images",
  steps: "steps",
};

/** The one of a job's budget that is set. */
export function budgetOf(budget: unknown): Budget | undefined {
  const set = Object.entries(budget ?? {}).find(([, amount]) => typeof amount === "number");
  return set && { unit: set[0], amount: set[1] as number };
}

/** The request that goes on with an ended training: its budget counts from the very beginning. */
export function longer(job: string, budget: Budget, more: number): Record<string, unknown> {
  return { resume_from: job, budget: { [budget.unit]: budget.amount + more } };
}

/** One option as the catalogue's JSON Schema describes it. */
export interface Schema {
  type?: string;
  enum?: unknown[];
  default?: unknown;
  description?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  items?: Schema;
  anyOf?: Schema[];
}

/** What a person typed as a value of the option; undefined: as the preset has it. */
export function valueOf(schema: Schema, text: string): unknown {
  if (text === "") return undefined;
  const types = [schema.type, ...(schema.anyOf ?? []).map((one) => one.type)];
  if (types.includes("boolean") && /^(true|false)$/.test(text)) return text === "true";
  if (types.some((type) => type === "number" || type === "integer")) {
    const value = Number(text);
    if (Number.isFinite(value)) return value;
  }
  if (types.includes("array"))
    return text
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean);
  return text;
}

/** What the option may be, in few words. */
export function boundsOf(schema: Schema): string {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  if (low !== undefined && high !== undefined) return `${low} to ${high}`;
  if (low !== undefined) return schema.minimum === undefined ? `above ${low}` : `at least ${low}`;
  return high === undefined ? "" : `at most ${high}`;
}
