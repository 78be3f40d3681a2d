/** Uploads with progress. A lost connection is tried again under the same key: nothing doubles. */
import { Problem, freshKey } from "./http";
import type { Dataset, ProblemRecord } from "./types";

const TRIES = 5;
const ARCHIVES = /\.(zip|tar|tar\.gz|tgz)$/i;

export interface Upload {
  sent: number; // bytes
  total: number;
  attempt: number; // from 1
}

/** A file and its path below what was dropped: folders become labels. */
export interface Dropped {
  file: File;
  path: string;
}

export async function uploadDataset(
  name: string,
  files: Dropped[],
  show: (upload: Upload) => void,
  stopped: AbortSignal,
): Promise<Dataset> {
  const address = `/v1/datasets?name=${encodeURIComponent(name)}`;
  return (await uploaded(address, bodyOf(files), show, stopped)) as Dataset;
}

/** Post a body until it has arrived. Raises Problem, AbortError. */
export async function uploaded(
  address: string,
  body: FormData | File,
  show: (upload: Upload) => void,
  stopped: AbortSignal,
): Promise<unknown> {
  const key = freshKey();
  for (let attempt = 1; ; attempt++) {
    try {
      return await post(
        address,
        body,
        key,
        (sent, total) => show({ sent, total, attempt }),
        stopped,
      );
    } catch (error) {
      const lost = error instanceof Problem && error.status === 0;
      if (!lost || attempt === TRIES || stopped.aborted) throw error;
      await new Promise((go) => setTimeout(go, 1000 * attempt));
    }
  }
}

export function bodyOf(files: Dropped[]): FormData | File {
  const only = files.length === 1 ? files[0] : undefined;
  if (only && ARCHIVES.test(only.file.name)) return only.file;
  const form = new FormData();
  for (const { file, path } of files) form.append("files", file, path);
  return form;
}

function post(
  address: string,
  body: FormData | File,
  key: string,
  show: (sent: number, total: number) => void,
  stopped: AbortSignal,
): Promise<unknown> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest(); // fetch tells nothing of the progress of an upload
    request.open("POST", address);
    request.setRequestHeader("Idempotency-Key", key);
    request.setRequestHeader("Prefer", "wait=1");
    if (body instanceof File) request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => show(event.loaded, event.total);
    request.onerror = () =>
      failed(new Problem(0, { detail: "The connection was lost during the upload." }));
    request.onabort = () => failed(new DOMException("The upload was stopped.", "AbortError"));
    request.onload = () => {
      const record = parsed(request.responseText);
      if (request.status < 300) done(record);
      else failed(new Problem(request.status, record as ProblemRecord));
    };
    stopped.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
