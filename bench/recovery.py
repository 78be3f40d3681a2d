"""How soon jobs are cancelled and go on again: `python -m bench.recovery` prints a table.

A whole service with its default lease of 30 s and nothing else to do; medians of a few rounds.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core.schemas import Job, JobState
from tests.faults.plant import Plant, planted

LEASE, STALL = 30.0, 300.0
LONG = {"budget": {"minutes": 30}, "priority": 0}
ROUNDS = 3


def seconds_until(condition: Callable[[], object], deadline: float = 120.0) -> float:
    started = time.perf_counter()
    while not condition():
        if time.perf_counter() - started > deadline:
            return float("nan")
        time.sleep(0.005)
    return time.perf_counter() - started


class Rounds:
    """Each method is one measurement, in seconds."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant

    def state(self, job_id: str) -> JobState:
        return self.plant.jobs.get(job_id).state

    def running(self) -> Job:
        return self.plant.stepping(self.plant.train(**LONG))

    def post(self, job_id: str, word: str) -> None:
        self.plant.http.post(f"/v1/jobs/{job_id}/{word}").raise_for_status()

    def stepped_on(self, job: Job) -> Callable[[], bool]:
        """Whether a later attempt has made a step beyond what was committed."""

        def answer() -> bool:
            now = self.plant.jobs.get(job.id)
            committed = (now.committed or {}).get("step", 0)
            return now.attempt > job.attempt and committed > (job.committed or {})["step"]

        return answer

    def cancel_queued(self) -> float:
        busy, waiting = self.running(), self.plant.train(**LONG)
        started = time.perf_counter()
        self.post(waiting, "cancel")
        seconds_until(lambda: self.state(waiting) is JobState.CANCELLED)
        taken = time.perf_counter() - started
        self.end(busy.id)
        return taken

    def cancel_running(self) -> float:
        job = self.running()
        started = time.perf_counter()
        self.end(job.id)
        return time.perf_counter() - started

    def child_killed(self) -> float:
        job = self.running()
        child = self.plant.child_of(job.id)
        assert child is not None
        child.kill()
        again = self.stepping_again(job)
        self.end(job.id)
        return again

    def child_killed_until_claimed(self) -> float:
        job = self.running()
        child = self.plant.child_of(job.id)
        assert child is not None
        child.kill()
        taken = seconds_until(lambda: self.plant.jobs.get(job.id).attempt > job.attempt)
        self.end(job.id)
        return taken

    def worker_killed(self) -> float:
        job = self.running()
        self.plant.processes["train"].kill()
        self.plant.start("train")
        taken = seconds_until(lambda: self.plant.jobs.get(job.id).attempt > job.attempt)
        self.end(job.id)
        return taken

    def worker_stopped(self) -> float:
        job = self.running()
        started = time.perf_counter()
        self.plant.processes["train"].terminate()
        self.plant.processes["train"].wait(60)
        taken = time.perf_counter() - started
        self.plant.start("train")
        self.plant.ready("train")
        self.end(job.id)
        return taken

    def stepping_again(self, job: Job) -> float:
        return seconds_until(self.stepped_on(job))

    def end(self, job_id: str) -> None:
        self.post(job_id, "cancel")
        seconds_until(lambda: self.state(job_id).terminal)


MEASURED: dict[str, tuple[str, str, int]] = {
    "cancel of a queued job": ("cancel_queued", "0.2 s", ROUNDS),
    "cancel of a running job, its model published": ("cancel_running", "2 s", ROUNDS),
    "killed training: claimed again": ("child_killed_until_claimed", "3 s", ROUNDS),
    "killed training: past its last checkpoint again": ("child_killed", "", ROUNDS),
    "killed worker: its job runs again": ("worker_killed", "40 s", 2),
    "SIGTERM to a worker: it has left, the job is given back": ("worker_stopped", "30 s", ROUNDS),
}


def main() -> None:
    knobs = {"lease": LEASE, "stall": STALL, "checkpoint": 0.5}
    with tempfile.TemporaryDirectory() as folder, planted(Path(folder), **knobs) as plant:
        for name in ("api", "train", "prepare"):
            plant.start(name)
        plant.ready("api", "train", "prepare")
        rounds = Rounds(plant)
        print("| what | median | slowest | wanted |\n| --- | --- | --- | --- |")
        for what, (method, wanted, count) in MEASURED.items():
            times = [getattr(rounds, method)() for _ in range(count)]
            middle, slowest = statistics.median(times), max(times)
            print(f"| {what} | {middle:.2f} s | {slowest:.2f} s | {wanted} |", flush=True)


if __name__ == "__main__":
    main()
