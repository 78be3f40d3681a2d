/** What was dropped or chosen, as files with paths. */
import type { Dropped } from "../api/upload";

export function picked(files: FileList | null): Dropped[] {
  return [...(files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** A name for the data set: of the archive, of the common folder, or plainly "images". */
export function nameOf(files: Dropped[]): string {
  const only = files.length === 1 ? files[0] : undefined;
  if (only)
    return only.file.name.replace(/\.(zip|tar|tar\.gz|tgz|png|jpe?g|webp|bmp)$/i, "") || "images";
  const folders = new Set(files.map(({ path }) => (path.includes("/") ? path.split("/")[0] : "")));
  const [folder] = folders;
  return folders.size === 1 && folder ? folder : "images";
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
