"""A training as event files for TensorBoard, in the folder `tensorboard` of its job.

Each attempt writes a file of its own. Steps that are done again are taken out of all files, and a
mark tells whoever has read them already. Records are whole or absent, also on a full disk.
"""

import io
import json
import os
import struct
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from core.files import write_atomic
from worker.encode import encode, to_image
from worker.events import Alarm, Checkpoint, Progress, Sample
from worker.metrics_file import append_whole
from worker.recorder import room_or_not
from worker.trackers.tracked import End, Tracked

FOLDER = "tensorboard"
JPEG_QUALITY = 90  # TensorBoard's checksums cost time by the byte; samples/ has the exact pixels
HEAD, TAIL = 12, 4  # of a record: length and its checksum, checksum of the content
WRITER, PROTO = "tensorboard.summary.writer.record_writer", "tensorboard.compat.proto"


class TensorBoard:
    """Writes at once: a file of one's own needs no queue."""

    library = "tensorboard"

    def begin(self, run: Tracked) -> None:
        self._records: Any = import_module(WRITER).RecordWriter
        self._event: Any = import_module(f"{PROTO}.event_pb2")
        self._summary: Any = import_module(f"{PROTO}.summary_pb2").Summary
        self._folder = run.folder / FOLDER
        self._folder.mkdir(exist_ok=True)
        first = run.step == 0 or not any(self._folder.iterdir())
        self._file = self._folder / f"events.out.tfevents.{run.fence:010d}.ganvas"  # in this order
        self._seen: tuple[int, frozenset[str]] = (run.step, frozenset())  # tags of the last step
        self._latest = self._saved = run.step
        self._warning: Alarm | None = None
        self._forget(run.step + 1 if run.step else 0)
        if first:
            self._describe(run)

    def progress(self, event: Progress) -> None:
        pace = {"kimg": event.kimg, "images_per_second": event.images_per_second}
        values = {f"train/{name}": value for name, value in (event.losses | pace).items()}
        values |= {f"quality/{name}": value for name, value in event.figures.items()}
        self._go_to(event.step)
        if event.step == self._seen[0]:  # the end of a training is told twice
            values = {tag: value for tag, value in values.items() if tag not in self._seen[1]}
        summary = self._summary()
        for tag, value in values.items():
            summary.value.add(tag=tag, simple_value=value)
        if values:
            self._write(event.step, summary=summary)
            self._seen = event.step, frozenset(values)

    def sample(self, event: Sample) -> None:
        height, width, channels = event.grid.shape
        content = encode(to_image(event.grid), "jpeg", JPEG_QUALITY, None)
        image = self._summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=content
        )
        value = self._summary.Value(tag="samples", image=image)
        self._go_to(event.step)
        self._write(event.step, summary=self._summary(value=[value]))

    def checkpoint(self, event: Checkpoint) -> None:
        self._saved = event.step

    def alarm(self, event: Alarm) -> None:
        self._warning = event
        self._write_text(event.step, f"alarms/{event.kind}", event.message)

    def end(self, end: End) -> None: ...

    def troubles(self) -> list[str]:
        return []

    def _describe(self, run: Tracked) -> None:
        """The options: as a text to read, and as hyperparameters to compare runs by."""
        options = run.options()
        lines = ["| option | value |", "| --- | --- |"]
        lines += [f"| {name} | {json.dumps(value)} |" for name, value in options.items()]
        self._write_text(0, "options", "\n".join(lines))
        plugin: Any = import_module("tensorboard.plugins.hparams.summary_v2")
        self._write(0, summary=plugin.hparams_pb(options, trial_id=run.job))

    def _write_text(self, step: int, tag: str, text: str) -> None:
        tensor: Any = import_module(f"{PROTO}.tensor_pb2").TensorProto(
            dtype="DT_STRING", string_val=[text.encode()], tensor_shape={"dim": [{"size": 1}]}
        )
        metadata = {"plugin_data": {"plugin_name": "text"}}
        value = self._summary.Value(tag=f"{tag}/text_summary", metadata=metadata, tensor=tensor)
        self._write(step, summary=self._summary(value=[value]))

    def _go_to(self, step: int) -> None:
        """When the training was rolled back, drop the steps after its checkpoint, not the alarm."""
        if step < self._latest:
            self._forget(self._saved + 1)
            if self._warning:
                self._write_text(self._saved, f"alarms/{self._warning.kind}", self._warning.message)
        self._latest = step

    def _forget(self, step: int) -> None:
        """Drop what was written of this and later steps."""
        for path in self._folder.glob("events.*"):
            content = path.read_bytes()
            kept = b"".join(record for record, event in self._events(content) if event.step < step)
            if kept != content:
                with room_or_not():
                    # Under another name first: TensorBoard reads every file in its folder.
                    whole = self._folder.with_name(f"{FOLDER}-{path.name}")
                    write_atomic(whole, kept)
                    os.replace(whole, path)
        start = self._event.SessionLog(status=self._event.SessionLog.START)
        self._write(step, session_log=start)

    def _events(self, content: bytes) -> Iterator[tuple[bytes, Any]]:
        """Each whole record as it is, and the event in it."""
        start = 0
        while start + HEAD <= len(content):
            (length,) = struct.unpack_from("<Q", content, start)
            end = start + HEAD + length + TAIL
            if end > len(content):
                return  # torn when the process was killed
            event = self._event.Event.FromString(content[start + HEAD : end - TAIL])
            yield content[start:end], event
            start = end

    def _write(self, step: int, **what: Any) -> None:
        record = io.BytesIO()
        if not self._file.exists():
            version = self._event.Event(
                wall_time=time.time(), step=-1, file_version="brain.Event:2"
            )
            self._records(record).write(version.SerializeToString())
        event = self._event.Event(wall_time=time.time(), step=step, **what)
        self._records(record).write(event.SerializeToString())
        with room_or_not():
            append_whole(self._file, record.getvalue())
