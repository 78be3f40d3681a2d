import { expect, test } from "vitest";
import { measured } from "../src/logic/prometheus";
import { between, course, lately, line, quantile, reading } from "../src/logic/traffic";

const told = (images: number, others: number, hit: number, miss: number, within: number[]) =>
  `# TYPE ganvas_requests_total counter
ganvas_requests_total{route="generate",status="200"} ${images}.0
ganvas_requests_total{route="jobs",status="200"} ${others}.0
ganvas_image_seconds_count ${images}.0
ganvas_image_seconds_bucket{le="+Inf"} ${within[2]}.0
ganvas_image_seconds_bucket{le="0.01"} ${within[0]}.0
ganvas_image_seconds_bucket{le="0.1"} ${within[1]}.0
ganvas_image_cache_total{result="coalesced"} 0.0
ganvas_image_cache_total{result="hit"} ${hit}.0
ganvas_image_cache_total{result="miss"} ${miss}.0
ganvas_refusals_total{code="overloaded"} 3.0
`;
const read = (at: number, ...counted: Parameters<typeof told>) =>
  reading(measured(told(...counted)), at * 1000);

test("what happened between two readings is told by the second", () => {
  const older = read(0, 100, 10, 50, 50, [100, 100, 100]);
  const newer = read(10, 200, 30, 75, 125, [150, 190, 200]);
  const found = between(older, newer);
  expect([found.images, found.requests, found.kept, found.refused]).toEqual([10, 12, 0.25, 0]);
  expect(found.half).toBeCloseTo(0.01);
  expect(found.most).toBe(0.1); // beyond the last edge nothing is known
});

test("where nothing happened nothing is claimed", () => {
  const same = read(0, 5, 5, 1, 1, [2, 2, 2]);
  const { half, most, kept, images } = between(same, { ...same, at: 5000 });
  expect([half, most, kept, images]).toEqual([null, null, null, 0]);
});

test("counters that began anew are not negative", () => {
  const found = between(read(0, 900, 90, 9, 9, [9, 9, 9]), read(10, 20, 10, 0, 4, [0, 4, 4]));
  expect([found.images, found.requests, found.kept]).toEqual([2, 3, 0]);
  expect(found.half).toBeCloseTo(0.055);
});

test("quantiles lie on a straight line within their bucket", () => {
  const within: [number, number][] = [
    [1, 10],
    [2, 30],
    [Infinity, 40],
  ];
  expect([0.1, 0.25, 0.5, 0.75, 0.99].map((share) => quantile(within, share))).toEqual([
    0.4, 1, 1.5, 2, 2,
  ]);
  expect(quantile([], 0.5)).toBeNull();
});

test("lately is the last minute, or as long as is known", () => {
  const all = [0, 20, 40, 60, 80, 100].map((at) => read(at, at * at, 0, 0, 0, [0, 0, 0]));
  expect(lately(all.slice(0, 1), 60)).toBeNull();
  expect(lately(all.slice(0, 3), 60)?.images).toBe(40);
  expect(lately(all, 60)?.images).toBe((100 ** 2 - 40 ** 2) / 60);
  const back = [...all, { ...all[0]!, at: 9_000_000 }, { ...all[0]!, at: 9_005_000 }];
  expect(lately(back, 60)?.images).toBe(0); // hours of a hidden page are not the last minute
  expect(course(all.slice(0, 3))).toEqual([20, 60]);
});

test("a line begins at the left and has its highest value at the top", () => {
  expect(line([0, 5, 10], 100, 20)).toBe("0,20 50,10 100,0");
  expect(line([0, 0], 100, 20)).toBe("0,20 100,20");
});
