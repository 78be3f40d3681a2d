"""The child process of an export to ONNX: `python -m worker.export_run HOME JOB FENCE`.

Leaves the file in the job's folder `publish-f{fence}`; the supervisor puts it beside the model.
"""

import os
import sys
from pathlib import Path
from typing import Any

from core.exports import ONNX
from core.extras import require
from core.files import remove_tree
from core.home import Home
from core.registry import ModelStore
from core.schemas import JobKind
from worker.channel import DONE, Channel, leave, reported
from worker.jobfile import read_job

NICE = 5


def run(home: Home, job: dict[str, Any], fence: int, channel: Channel) -> int:
    """Export one model version; answers the exit code."""
    require("onnx")
    from worker.onnx_export import export_onnx  # torch takes seconds: not before it is needed

    models = ModelStore(home)
    model = models.get(job["input"]["model"], job["input"]["version"])
    folder = home.job(job["id"]) / f"publish-f{fence}"
    remove_tree(folder)
    folder.mkdir(mode=0o700)
    channel.send("phase", {"phase": "exporting"}, field="phase", value="exporting")
    export_onnx(models.folder(model), model, folder / ONNX)
    channel.send("result", {})
    return DONE


def main() -> None:
    os.nice(NICE)
    os.umask(0o077)
    channel = Channel()
    home, fence = Home(Path(sys.argv[1])), int(sys.argv[3])

    def work() -> int:
        return run(home, read_job(home, sys.argv[2], JobKind.EXPORT), fence, channel)

    leave(reported(channel, work))


if __name__ == "__main__":
    main()
