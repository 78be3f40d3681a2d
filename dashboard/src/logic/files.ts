/** What was dropped or chosen, as files with paths. */
import { tarOf } from "./tar";

const ARCHIVE = /\.(zip|tar|tar\.gz|tgz)$/i;

/** A file and its path below what was dropped: folders become labels. */
export interface Dropped {
  file: File;
  path: string;
}

/** What is sent: an archive as it is, anything else as one. */
export function packed(files: Dropped[]): Blob {
  const only = files.length === 1 ? files[0] : undefined;
  return only && ARCHIVE.test(only.file.name) ? only.file : tarOf(files);
}

/** The same for the same files as long as they are not changed; nothing of them is read. */
export function fingerprint(files: Dropped[]): string {
  const lines = files.map(({ file, path }) => `${path}|${file.size}|${file.lastModified}`);
  const text = lines.sort().join("\n");
  return [0x811c9dc5, 0x01000193].map((basis) => fnv(text, basis)).join("");
}

/** FNV-1a, 32 bits (draft-eastlake-fnv), over UTF-16 units. */
function fnv(text: string, basis: number): string {
  let hash = basis;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

export function picked(files: FileList | null): Dropped[] {
  return [...(files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** A name for the data set: of the archive, of the common folder, or plainly "images". */
export function nameOf(files: Dropped[]): string {
  const only = files.length === 1 ? files[0] : undefined;
  if (only) {
    const plain = only.file.name.replace(/\.(zip|tar|tar\.gz|tgz|png|jpe?g|webp|bmp)$/i, "");
    return asName(plain) || "images";
  }
  const folders = new Set(files.map(({ path }) => (path.includes("/") ? path.split("/")[0] : "")));
  const [folder] = folders;
  return (folders.size === 1 && asName(folder ?? "")) || "images";
}

/** As the API takes names: told after a long upload it would be told too late. */
function asName(text: string): string {
  return [...text.replace(/[\x00-\x1f\x7f]/g, " ")].slice(0, 128).join("");
}

/** Every file of a drop, those in folders too. */
export async function droppedIn(transfer: DataTransfer | null): Promise<Dropped[]> {
  const entries = [...(transfer?.items ?? [])].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const lists = await Promise.all(entries.map((entry) => below(entry)));
  return lists.flat();
}

async function below(entry: FileSystemEntry): Promise<Dropped[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) =>
      (entry as FileSystemFileEntry).file(done, failed),
    );
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Dropped[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, failed) =>
      reader.readEntries(done, failed),
    );
    if (!some.length) return found; // it gives a hundred at a time
    for (const child of some) found.push(...(await below(child)));
  }
}
