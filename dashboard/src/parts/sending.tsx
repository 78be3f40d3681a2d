/** An upload on its way: how far it is, what holds it up, and what can be done with it. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { sentence } from "../api/http";
import { keyOf, Transfer, type Standing } from "../api/transfer";
import type { Dataset } from "../api/types";
import { becomeDataset } from "../api/upload";
import { nameOf, packed, type Dropped } from "../logic/files";
import { bytes, percent, plural } from "../logic/numbers";
import { Bar } from "./bits";

export interface Underway extends Standing {
  what: string;
}

/** Sends files and waits until they are a data set. */
export function useUpload(ready: (dataset: Dataset) => void) {
  const [upload, show] = useState<Underway | null>(null);
  const [failure, fail] = useState("");
  const transfer = useRef<Transfer | undefined>(undefined);
  useEffect(() => () => transfer.current?.leave(), []);

  const take = async (files: Dropped[]) => {
    if (!files.length) return fail("There was no file in that.");
    const body = packed(files);
    if (!body.size) return fail("That file is empty.");
    const what = plural(files.length, "file");
    const told = (standing: Standing) => show({ ...standing, what });
    const mine = (transfer.current = new Transfer(body, keyOf(files), told));
    fail("");
    try {
      ready(await becomeDataset(mine, nameOf(files)));
    } catch (error) {
      fail(mine.signal.aborted ? "" : sentence(error));
    }
    show(null);
  };
  return { upload, failure, take, transfer };
}

export function Sending(props: { upload: Underway; transfer: Transfer | undefined }): JSX.Element {
  const { upload, transfer } = props;
  const { sent, total, whole, paused, wait } = upload;
  return (
    <div class="drop">
      <p>
        {whole ? "Reading the images …" : `Sending ${upload.what} …`}{" "}
        <span class="numbers">
          {bytes(sent)} of {bytes(total)} ({percent(sent / total)})
        </span>
      </p>
      <Bar value={sent / total} label="Upload" state={paused ? "paused" : ""} />
      <Trouble upload={upload} />
      <div class="row">
        {!whole && (
          <button type="button" onClick={() => (paused ? transfer?.goOn() : transfer?.pause())}>
            {paused ? "Go on" : "Pause"}
          </button>
        )}
        {wait > 0 && !paused && (
          <button type="button" onClick={() => transfer?.goOn()}>
            Try now
          </button>
        )}
        <button type="button" onClick={() => transfer?.stop()}>
          Stop
        </button>
      </div>
    </div>
  );
}

function Trouble({ upload }: { upload: Underway }): JSX.Element {
  const { sent, total, paused, wait, trouble } = upload;
  const place = `at ${percent(sent / total)}`;
  if (paused) return <p role="status">Paused {place}.</p>;
  return (
    <p role="status">
      {wait > 0 && `${trouble} ${place}: trying again`}
      {wait > 0 && <span aria-hidden="true"> in {wait} s.</span>}
    </p>
  );
}
