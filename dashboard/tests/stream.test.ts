import { expect, test } from "vitest";
import { EventParser } from "../src/live/stream";

test("events are read however the text is cut", () => {
  const text =
    'retry: 2000\n\nid: 1-0\nevent: state\ndata: {"version": 1}\n\n: ping\n\nid: 2-0\r\nevent: done\r\ndata: {}\r\n\r\n';
  for (const size of [1, 2, 3, 7, 1000]) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size)
      found.push(...parser.read(text.slice(at, at + size)));
    expect(found.map(({ id, type }) => `${id} ${type}`)).toEqual(["1-0 state", "2-0 done"]);
    expect(found[0]!.data).toEqual({ version: 1 });
  }
});

test("an event without data is none", () => {
  expect(new EventParser().read("event: state\n\n")).toEqual([]);
});
