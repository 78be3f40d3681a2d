"""The child process of an export to ONNX: `python -m worker.export_run HOME JOB FENCE`.

Leaves the file in the job's folder `publish-f{fence}`; the supervisor puts it beside the model.
"""

from core.exports import ONNX
from core.extras import require
from core.files import remove_tree
from core.home import Home
from core.registry import ModelStore
from core.schemas import JobKind
from worker.channel import DONE, Channel, enter
from worker.jobfile import read_job

NICE = 5
NEEDS = {"model": str, "version": int}


def run(home: Home, job_id: str, fence: int, channel: Channel) -> int:
    """Export one model version; answers the exit code."""
    input = read_job(home, job_id, JobKind.EXPORT, NEEDS)["input"]
    require("onnx")
    from worker.onnx_export import export_onnx  # torch takes seconds: not before it is needed

    models = ModelStore(home)
    model = models.get(input["model"], input["version"])
    folder = home.job(job_id) / f"publish-f{fence}"
    remove_tree(folder)
    folder.mkdir(mode=0o700)
    channel.send("phase", {"phase": "exporting"}, field="phase", value="exporting")
    export_onnx(models.folder(model), model, folder / ONNX)
    channel.send("result", {})
    return DONE


if __name__ == "__main__":
    enter(run, NICE)
