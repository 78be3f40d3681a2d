import { expect, test } from "vitest";
import { measuresOf } from "../src/logic/measures";
import { bytes, marks, percent, plural, short } from "../src/logic/numbers";
import { ago, duration } from "../src/logic/time";

test("numbers have the digits that count", () => {
  expect([0, 0.123456, 12.345, 4560.4, 1.23e-7].map(short)).toEqual([
    "0",
    "0.123",
    "12.3",
    "4,560",
    "1.2e-7",
  ]);
  expect([null, undefined, Number.NaN, "x"].map(short)).toEqual(["–", "–", "–", "–"]);
  expect([0, 1023, 1536, 5 * 1024 ** 3].map(bytes)).toEqual([
    "0 B",
    "1023 B",
    "1.5 KiB",
    "5.0 GiB",
  ]);
  expect([0, 0.014, 0.0996, 0.999, 1].map(percent)).toEqual([
    "0 %",
    "1.4 %",
    "10 %",
    "99 %",
    "100 %",
  ]);
  expect(plural(1, "image")).toBe("1 image");
  expect(plural(2000, "image")).toBe("2,000 images");
});

test("marks of an axis can be told apart", () => {
  expect(marks([99.9, 99.95, 100, null])).toEqual(["99.9", "99.95", "100", ""]);
  expect(marks([0, 0.5, 2000])).toEqual(["0", "0.5", "2,000"]);
});

test("durations have two units at most", () => {
  expect([0.25, 12, 200, 3600, 7500, 100_000].map(duration)).toEqual([
    "250 ms",
    "12 s",
    "3 min 20 s",
    "1 h",
    "2 h 5 min",
    "1 d 4 h",
  ]);
});

test("times are told from now", () => {
  const now = Date.parse("2026-03-10T12:00:00Z");
  expect(ago("2026-03-10T11:59:58Z", now)).toBe("just now");
  expect(ago("2026-03-10T11:15:00Z", now)).toBe("45 min ago");
  expect(ago("2026-03-09T11:00:00Z", now)).toBe("yesterday");
});

test("an evaluation's figures stand beside their spread and what real images reach", () => {
  const metrics = { space: "s", n_real: 5, kd: 0.9, kd_sd: 0.1, kd_floor: 0.2, kd_floor_sd: 0.1 };
  const told = measuresOf({ ...metrics, path_length: 4, path_length_sd: 1 });
  expect(told).toEqual([
    { name: "kd", value: 0.9, spread: 0.1, floor: 0.2 },
    { name: "path_length", value: 4, spread: 1, floor: null },
  ]);
  expect(measuresOf(undefined)).toEqual([]);
});
