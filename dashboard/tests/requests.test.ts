import { expect, test } from "vitest";
import { abilitiesOf } from "../src/api/abilities";
import { nameOf } from "../src/logic/files";
import { addressOf, asCurl, asPython, lasting, seedBeside, timings } from "../src/logic/images";
import { between, blended, weights } from "../src/logic/latent";
import { differences, flat } from "../src/logic/options";
import { BEGIN, boundsOf, budgetOf, choiceOf, longer, orderOf, valueOf } from "../src/logic/order";
import { by, measured } from "../src/logic/prometheus";
import { parsed, to, withQuery } from "../src/route";

const wish = { model: "cats@2", seed: "42" };

test("addresses name only what differs from the API's defaults", () => {
  expect(addressOf({ ...wish, psi: 1, n: 1, label: "" })).toBe(
    "/v1/generate?model=cats%402&seed=42",
  );
  expect(addressOf({ ...wish, psi: 0.5, size: 128, n: 4 })).toBe(
    "/v1/generate?model=cats%402&seed=42&psi=0.5&size=128&n=4",
  );
  expect(lasting("cats", 2, "a/b", { label: "tabby" })).toBe(
    "/v1/models/cats/versions/2/images/a%2Fb.png?label=tabby",
  );
});

test("what is copied survives hostile seeds", () => {
  const hostile = { model: "cats", seed: `'; rm -rf / "` };
  expect(asCurl(`http://h${addressOf(hostile)}`)).not.toMatch(/'.*'.*'/);
  expect(asPython("http://h", hostile)).toContain(
    String.raw`generate("'; rm -rf / \"", model="cats")`,
  );
  expect(asPython("http://h", wish)).toContain('generate(42, model="cats@2")');
});

test("timings are read from the header", () => {
  expect(timings('queue;dur=1.5, infer;dur=20.0, batch;desc="4"')).toEqual([
    ["queue", "1.5 ms"],
    ["infer", "20.0 ms"],
    ["batch", "4"],
  ]);
  expect(timings(null)).toEqual([]);
});

test("a slice has the seed in its corner and weights that add up to one", () => {
  expect(weights(0, 0)).toEqual([1, 0, 0, 0]);
  expect(weights(0.3, 0.8).reduce((a, b) => a + b)).toBeCloseTo(1);
  const address = decodeURIComponent(blended(wish, ["42", "7", "8", "9"], 0.5, 0));
  expect(address).toBe("/v1/generate?model=cats@2&blend=42:0.5,7:0.5");
  expect(between(wish, "7", { t: 0.3 })).toBe("/v1/interpolate?model=cats%402&from=42&to=7&t=0.3");
});

test("parts show what the service can do", () => {
  const get = (...names: string[]) => ({ get: { parameters: names.map((name) => ({ name })) } });
  const today = { paths: { "/v1/generate": get("model", "seed") } };
  expect(abilitiesOf(today)).toEqual({ blend: false, interpolate: false, directions: false });
  const soon = {
    paths: {
      "/v1/generate": get("seed", "blend", "direction", "amount"),
      "/v1/interpolate": get("from", "to", "t", "frames"),
      "/v1/models/{name}/directions": get(),
    },
  };
  expect(abilitiesOf(soon)).toEqual({ blend: true, interpolate: true, directions: true });
});

test("an order has either an effort or a budget, and names nothing that was left open", () => {
  const choice = { ...BEGIN, dataset: "cats" };
  expect(orderOf({ ...choice, effort: "quick" })).toEqual({
    dataset: "cats",
    preset: "auto",
    seed: 0,
    options: {},
    effort: "quick",
  });
  expect(orderOf({ ...choice, effort: "kimg" }).budget).toEqual({ kimg: 5 });
});

test("another training like an earlier one begins with the same choices", () => {
  const choice = {
    ...BEGIN,
    dataset: "cats",
    name: "mine",
    effort: "kimg" as const,
    amount: 40,
    resolution: 32,
    seed: 7,
    origin: "cats@2",
    options: { lr: 0.001 },
  };
  const { dataset, name, ...order } = orderOf(choice);
  expect(choiceOf({ ...order, dataset_id: dataset, model: name })).toEqual(choice);
  expect(choiceOf({ effort: "quick", budget: { minutes: 10 } }).effort).toBe("quick");
  expect(choiceOf({ budget: { minutes: null, steps: 9 } })).toMatchObject({
    effort: "steps",
    amount: 9,
  });
});

test("a training goes on by what is added to its budget", () => {
  const budget = budgetOf({ minutes: 10, kimg: null, steps: null });
  expect(budget).toEqual({ unit: "minutes", amount: 10 });
  expect(longer("job-1", budget!, 5)).toEqual({ resume_from: "job-1", budget: { minutes: 15 } });
  expect(budgetOf(undefined)).toBeUndefined();
});

test("what is typed becomes what the schema asks for", () => {
  expect(valueOf({ type: "integer" }, "16")).toBe(16);
  expect(valueOf({ type: "boolean" }, "true")).toBe(true);
  expect(valueOf({ type: "array", items: { type: "string" } }, "mirror, zoom")).toEqual([
    "mirror",
    "zoom",
  ]);
  expect(valueOf({ enum: ["skip"] }, "skip")).toBe("skip");
  expect(valueOf({ type: "number" }, "")).toBeUndefined();
  expect(valueOf({ type: "number" }, "many")).toBe("many"); // the service says what is wrong with it
  expect(boundsOf({ minimum: 2, maximum: 8 })).toBe("2 to 8");
  expect(boundsOf({ exclusiveMinimum: 0 })).toBe("above 0");
});

test("only options that differ are compared", () => {
  const a = flat({ architecture: "skip", recipe: { lr: 0.001, augment: ["zoom"] } });
  const b = flat({ architecture: "skip", recipe: { lr: 0.002, augment: ["zoom"] }, extra: null });
  expect(differences([a, b])).toEqual([{ name: "lr", values: ["0.001", "0.002"] }]);
});

test("a data set is named after its archive or folder", () => {
  const file = (path: string) => ({ file: { name: path.split("/").at(-1)! } as File, path });
  expect(nameOf([file("cats.tar.gz")])).toBe("cats");
  expect(nameOf([file("cats/a/1.png"), file("cats/b/2.png")])).toBe("cats");
  expect(nameOf([file("1.png"), file("2.png")])).toBe("images");
});

test("counters of the service are read by label", () => {
  const all = measured('# TYPE a gauge\na{queue="train"} 3\na{queue="prepare"} 0\nb 1\n');
  expect(by(all, "a", "queue")).toEqual({ train: 3, prepare: 0 });
});

test("addresses of pages survive any name", () => {
  const address = withQuery(to("models", "a/b?c#d"), { q: "x & y", empty: "" });
  const { path, query } = parsed(address);
  expect(path).toEqual(["models", "a/b?c#d"]);
  expect([...query]).toEqual([["q", "x & y"]]);
  expect(withQuery("/v1/generate?seed=1", { download: 1 })).toBe("/v1/generate?seed=1&download=1");
  expect(parsed("#/%E0%A4%A").path).toEqual(["%E0%A4%A"]);
});

test("the seed beside another is a seed, and a text has none", () => {
  const beside = [
    ["4", 1],
    ["0", -1],
    ["4294967295", 1],
    ["4294967295", -1],
    ["alice", 1],
  ] as const;
  expect(beside.map(([seed, by]) => seedBeside(seed, by))).toEqual([
    "5",
    undefined,
    undefined,
    "4294967294",
    undefined,
  ]);
});
