/** What becomes of an upload that has arrived. */
import { ask, send } from "./http";
import type { Transfer } from "./transfer";
import type { Dataset, Job, Model } from "./types";

const LOOK_MS = 1000;

/** The data set once it is ready. Raises what its preparation failed with, AbortError. */
export async function becomeDataset(transfer: Transfer, name: string): Promise<Dataset> {
  const order = { upload: await transfer.run(), name };
  const begun = await transfer.insist(() =>
    send<Dataset>("POST", "/v1/datasets", order, { Prefer: "wait=1" }),
  );
  return prepared(transfer, begun);
}

export async function becomeModel(transfer: Transfer): Promise<Model> {
  const order = { upload: await transfer.run() };
  try {
    return await transfer.insist(() => send<Model>("POST", "/v1/models", order));
  } finally {
    transfer.discard();
  }
}

async function prepared(transfer: Transfer, begun: Dataset): Promise<Dataset> {
  const look = <T>(path: string) =>
    transfer.insist(() => ask<T>(path, { signal: transfer.signal }));
  let dataset = begun;
  while (dataset.state !== "ready") {
    await new Promise((go) => setTimeout(go, LOOK_MS));
    const job = begun.job ? await look<Job>(`/v1/jobs/${begun.job}`) : undefined;
    if (job?.state === "failed") throw asError(job);
    if (job?.state === "cancelled") throw new Error("The preparation was cancelled.");
    dataset = await look<Dataset>(`/v1/datasets/${begun.id}`);
  }
  return dataset;
}

function asError(job: Job): Error {
  return new Error(job.error?.detail ?? job.error?.title ?? "The images cannot be used.");
}
