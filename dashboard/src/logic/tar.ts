/** Dropped files as one tar (POSIX ustar, pax for names that do not fit), read as it is sent. */
import type { Dropped } from "./files";

const BLOCK = 512;
const NAME_BYTES = 100;
const TO_TEXT = new TextEncoder();

/** The archive as a Blob of slices: the files stay on the disk until they are read. */
export function tarOf(files: Dropped[]): Blob {
  const parts: BlobPart[] = [];
  for (const { file, path } of files) {
    const name = TO_TEXT.encode(path);
    const plain = name.length <= NAME_BYTES && name.length === path.length;
    if (!plain) {
      const record = paxRecord(name);
      parts.push(header(TO_TEXT.encode("pax"), record.length, "x"), record, padding(record.length));
    }
    parts.push(header(name.subarray(0, NAME_BYTES), file.size, "0"), file, padding(file.size));
  }
  return new Blob([...parts, new Uint8Array(2 * BLOCK)]);
}

function header(name: Uint8Array, size: number, kind: string): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number) => block.set(TO_TEXT.encode(text), at);
  block.set(name);
  put("0000644\0" + "0000000\0" + "0000000\0", 100); // mode, user, group
  put(octal(size, 11) + "\0" + octal(0, 11) + "\0", 124); // size, time
  put("        " + kind, 148); // as if the sum were blank
  put("ustar\0" + "00", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(octal(sum, 6) + "\0 ", 148);
  return block;
}

/** `28 path=ein/sehr/langer/Name\n`, whose length counts itself. */
function paxRecord(name: Uint8Array): Uint8Array<ArrayBuffer> {
  const rest = " path=".length + name.length + "\n".length;
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  const record = new Uint8Array(length);
  record.set(TO_TEXT.encode(`${length} path=`));
  record.set(name, length - 1 - name.length);
  record.set(TO_TEXT.encode("\n"), length - 1);
  return record;
}

function padding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
