/** A place to drop images, folders or an archive; shows the upload, then hands the data set on. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Dataset } from "../api/types";
import { droppedIn, picked, type Dropped } from "../logic/files";
import { Icon } from "./icons";
import { Sending, useUpload } from "./sending";

export function Drop({ ready }: { ready: (dataset: Dataset) => void }): JSX.Element {
  const { upload, failure, take, transfer } = useUpload(ready);
  const [over, hover] = useState(false);
  if (upload) return <Sending upload={upload} transfer={transfer.current} />;
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
