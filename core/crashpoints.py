"""Named places where a test kills the process with SIGKILL: the promise holds at each of them.

Armed by GANVAS_CRASH_AT at the entrances of API, workers and children; otherwise nothing happens.
`name` kills at the first passage, `name#3` at the third, `a,b` at both points. It happens once in
a home folder: whoever comes after the crash passes.
"""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

POINTS = {
    "create.begin": "before anything of a new job is on disk",
    "create.keyed": "the idempotency key is on disk, the request is not",
    "create.stored": "the request is on disk, Redis knows nothing",
    "create.queued": "the job is queued, the client has no answer",
    "file.written": "a file has its temporary name and is not synced",
    "file.synced": "a file is durable under its temporary name",
    "file.renamed": "a file has its name, the folder is not synced",
    "claim.taken": "the job is claimed, the disk does not know",
    "claim.recorded": "the attempt is on disk, its child is not started",
    "child.started": "the child runs, no beat was sent",
    "child.ended": "the child has ended, nothing is concluded",
    "data.opened": "the child has opened its data set",
    "spec.stored": "every open choice is made and on disk",
    "checkpoint.begin": "before a checkpoint is written",
    "checkpoint.weights": "its tensors are on disk, its record is not",
    "checkpoint.saved": "it is complete, older ones are not pruned",
    "snapshot.partial": "the model of a checkpoint has its hidden name",
    "snapshot.renamed": "it has its name, older ones are not removed",
    "model.written": "the trained model is in the job's folder",
    "result.sent": "the supervisor was told, the child lives",
    "publish.begin": "the fence was checked, nothing is published",
    "publish.numbered": "a version number is reserved",
    "publish.decided": "the decision is on disk, the model is not in its place",
    "publish.renamed": "the model is in its place, nobody was told",
    "publish.told": "every process sees the model, the job is not finished",
    "finish.done": "the job is finished in Redis, not on disk",
    "archive.written": "the end of the job is on disk, Redis still lists it as not written",
    "dataset.prepared": "a data set is prepared in its workspace",
    "dataset.renamed": "it has its name, the upload is still there",
    "evaluation.measured": "the result of an evaluation is in the job's folder",
    "evaluation.renamed": "it stands beside its model, nobody was told",
    "release.done": "a job was given back",
}


@dataclass
class _Armed:
    """What is armed in this process: the passages left to each point."""

    left: dict[str, int] = field(default_factory=dict)
    home: Path = Path()


_armed = _Armed()


def arm(text: str, home: Path) -> None:
    """Arm the comma-separated points of `text`. Raises ValueError for an unknown one."""
    for part in filter(None, text.split(",")):
        name, _, passage = part.partition("#")
        if name not in POINTS:
            raise ValueError(f"there is no crash point {name!r}; there are: {', '.join(POINTS)}")
        _armed.left[name], _armed.home = int(passage or 1), home


def crash_point(name: str) -> None:
    """Die here if this point is armed and nobody has died at it in this home yet."""
    assert name in POINTS, name
    if name not in _armed.left:
        return
    _armed.left[name] -= 1
    if _armed.left[name] == 0 and _first(_armed.home / f".crashed-{name}"):
        os.kill(os.getpid(), signal.SIGKILL)


def _first(flag: Path) -> bool:
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True
