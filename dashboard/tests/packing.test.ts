import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fingerprint, nameOf, packed, type Dropped } from "../src/logic/files";
import { tarOf } from "../src/logic/tar";

const BYTES = Uint8Array.from({ length: 1500 }, (_, at) => at % 251);

function dropped(path: string, content: Uint8Array<ArrayBuffer>, lastModified = 1): Dropped {
  return { path, file: new File([content], path.split("/").pop()!, { lastModified }) };
}

/** What the tar of the machine makes of an archive. */
async function extracted(archive: Blob, read: (folder: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tar-"));
  const input = new Uint8Array(await archive.arrayBuffer());
  try {
    execFileSync("tar", ["-xf", "-", "-C", folder], { input });
    read(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const LONG = `${"a".repeat(90)}/${"b".repeat(90)}/${"c".repeat(90)}.png`;
const PATHS = ["1.png", "tabby/2.png", "übung/日本 🐈.png", LONG, `${"d".repeat(96)}.png`];

test("a tar of dropped files is read back by another program, name by name", async () => {
  const sizes = [0, 1, 511, 512, 1500];
  const files = PATHS.map((path, at) => dropped(path, BYTES.slice(0, sizes[at])));
  const archive = tarOf(files);
  expect(archive.size % 512).toBe(0);
  await extracted(archive, (folder) => {
    for (const [at, path] of PATHS.entries()) {
      expect([...readFileSync(join(folder, path))]).toEqual([...BYTES.slice(0, sizes[at])]);
    }
  });
});

test("names around the length at which a pax record counts itself", async () => {
  const files = Array.from({ length: 12 }, (_, more) =>
    dropped("e".repeat(86 + more) + "/" + "f".repeat(10), BYTES.slice(0, more)),
  );
  await extracted(tarOf(files), (folder) => {
    for (const { path, file } of files)
      expect(readFileSync(join(folder, path)).length).toBe(file.size);
  });
});

test("an archive is sent as it is, everything else as one", () => {
  const zip = dropped("cats.ZIP", BYTES);
  expect(packed([zip])).toBe(zip.file);
  expect(packed([dropped("1.png", BYTES)]).size).toBe(512 + 1536 + 1024);
  expect(packed([zip, zip]).size).toBeGreaterThan(2 * 1500);
});

test("unchanged files are known again, in any order", () => {
  const files = [dropped("a.png", BYTES), dropped("b.png", BYTES)];
  const again = [dropped("b.png", BYTES), dropped("a.png", BYTES)];
  expect(fingerprint(again)).toBe(fingerprint(files));
  const others = [
    [dropped("a.png", BYTES)],
    [dropped("a.png", BYTES, 2), files[1]!],
    [dropped("a.png", BYTES.slice(1)), files[1]!],
    [dropped("c.png", BYTES), files[1]!],
  ];
  const all = new Set([files, ...others].map(fingerprint));
  expect(all.size).toBe(5);
  expect([...all].every((key) => /^[0-9a-f]{16}$/.test(key))).toBe(true);
});

test("a name is one that the API takes", () => {
  expect(nameOf([dropped(`${"x".repeat(200)}.zip`, BYTES)])).toBe("x".repeat(128));
  expect(nameOf([dropped("a\nb.zip", BYTES)])).toBe("a b");
});
