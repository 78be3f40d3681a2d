"""The child process of an estimate: `python -m worker.estimate_run HOME JOB FENCE`."""

from dataclasses import asdict

from core.home import Home
from core.schemas import JobKind
from core.settings import Settings
from worker import budgets, opening
from worker.channel import DONE, Channel, enter
from worker.device import known_device
from worker.estimate import estimate
from worker.jobfile import read_job
from worker.machine import granted_bytes, resident_bytes
from worker.presets import facts_of, resolve
from worker.recorder import Recorder

NICE = 5


def run(home: Home, job_id: str, fence: int, channel: Channel) -> int:
    """Resolve the request as its training would be, try it, and say what it takes.

    Raises what a training raises: `Invalid`, `NotTrainable`, `OutOfMemory`, `DiskFull`.
    """
    job = read_job(home, job_id, JobKind.ESTIMATE, opening.NEEDS)
    input = job["input"] | {"seed": job["seed"]}
    phase = Recorder(home.job(job_id), channel).phase
    limit = granted_bytes(Settings().train_memory)
    data = opening.opened(home, job_id, fence, input, memory=limit, phase=phase)
    device = known_device(home.devices)
    spec = resolve(input, facts_of(data, device))
    budgets.require_memory(spec, limit, used=resident_bytes())
    budgets.require_disk(spec, home.job(job_id))
    channel.send("resolved", None, field="resolved", value=asdict(spec))
    phase("trying some steps")
    channel.send("result", {"estimate": estimate(spec, data, device)})
    return DONE


if __name__ == "__main__":
    enter(run, NICE)
