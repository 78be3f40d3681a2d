/** A place to drop images, folders or an archive; shows the upload, then hands the data set on. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, sentence } from "../api/http";
import type { Dataset, Job } from "../api/types";
import { uploadDataset, type Dropped, type Upload } from "../api/upload";
import { droppedIn, nameOf, picked } from "../logic/files";
import { bytes, percent, plural } from "../logic/numbers";
import { Bar } from "./bits";
import { Icon } from "./icons";

const LOOK_MS = 1000;

export function Drop({ ready }: { ready: (dataset: Dataset) => void }): JSX.Element {
  const { upload, failure, take, stop } = useUpload(ready);
  const [over, hover] = useState(false);
  if (upload) return <Sending upload={upload} stop={stop} />;
  return (
    <div
      class={over ? "drop over" : "drop"}
      onDragOver={(event) => (event.preventDefault(), hover(true))}
      onDragLeave={() => hover(false)}
      onDrop={(event) => {
        event.preventDefault();
        hover(false);
        void droppedIn(event.dataTransfer).then(take);
      }}
    >
      <Icon name="data" size={26} />
      <p>Drop a folder, images, or a zip here. Folders inside become classes.</p>
      <div class="row">
        <Pick label="Choose files" multiple take={take} />
        <Pick label="Choose a folder" folder take={take} />
      </div>
      {failure && (
        <p class="note bad" role="alert">
          {failure}
        </p>
      )}
    </div>
  );
}

interface Underway extends Upload {
  phase: string;
}

/** Sends files and waits until they are a data set. */
function useUpload(ready: (dataset: Dataset) => void) {
  const [upload, show] = useState<Underway | null>(null);
  const [failure, fail] = useState("");
  const stopped = useRef<AbortController | undefined>(undefined);
  const stop = () => stopped.current?.abort();
  useEffect(() => stop, []);

  const take = async (files: Dropped[]) => {
    if (!files.length) return fail("There was no file in that.");
    const { signal } = (stopped.current = new AbortController());
    const phase = `Sending ${plural(files.length, "file")}`;
    const told = (sent: Upload) => show({ ...sent, phase });
    told({ sent: 0, total: files.reduce((sum, { file }) => sum + file.size, 0), attempt: 1 });
    fail("");
    try {
      const begun = await uploadDataset(nameOf(files), files, told, signal);
      show((before) => before && { ...before, phase: "Reading the images" });
      ready(await prepared(begun, signal));
    } catch (error) {
      fail(signal.aborted ? "" : sentence(error));
    }
    show(null);
  };
  return { upload, failure, take, stop };
}

function Sending(props: { upload: Underway; stop: () => void }): JSX.Element {
  const { sent, total, attempt, phase } = props.upload;
  const share = total ? sent / total : 0;
  return (
    <div class="drop" role="status">
      <p>
        {phase} …{" "}
        <span class="numbers">
          {bytes(sent)} of {bytes(total)} ({percent(share)})
        </span>
        {attempt > 1 && ` The connection was lost; attempt ${attempt}.`}
      </p>
      <Bar value={share} label="Upload" />
      <button type="button" onClick={props.stop}>
        Stop
      </button>
    </div>
  );
}

function Pick(props: {
  label: string;
  folder?: boolean;
  multiple?: boolean;
  take: (files: Dropped[]) => void;
}): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (props.folder) input.current!.webkitdirectory = true;
  }, []);
  return (
    <>
      <button type="button" onClick={() => input.current!.click()}>
        {props.label}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label={props.label}
        multiple={props.multiple}
        onChange={(event) => {
          props.take(picked(event.currentTarget.files));
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

/** The data set once it is ready. Raises what its preparation failed with. */
async function prepared(begun: Dataset, signal: AbortSignal): Promise<Dataset> {
  let dataset = begun;
  while (dataset.state !== "ready") {
    await new Promise((go) => setTimeout(go, LOOK_MS));
    const job = begun.job ? await ask<Job>(`/v1/jobs/${begun.job}`, { signal }) : undefined;
    if (job?.state === "failed") throw new Error(sentence(asError(job)));
    if (job?.state === "cancelled") throw new Error("The preparation was cancelled.");
    dataset = await ask<Dataset>(`/v1/datasets/${begun.id}`, { signal });
  }
  return dataset;
}

function asError(job: Job): Error {
  return new Error(job.error?.detail ?? job.error?.title ?? "The images cannot be used.");
}
