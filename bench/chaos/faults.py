"""What can be done to a running service, one function for each kind of fault."""

import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
from redis.exceptions import RedisError

from core.crashpoints import POINTS
from core.errors import Unavailable
from core.queue import JOB_QUEUES, celery_app, hint, key_prefix
from core.schemas import Job, JobState
from tests.faults.plant import Plant

TRAINERS = ("train-a", "train-bb")  # names of different length go to different cores
OTHERS = ("api", "prepare")


class Mischief:
    """Does one fault at a time; `random` decides to whom. False: there was nobody to hurt."""

    def __init__(self, plant: Plant, chance: random.Random, lease: float) -> None:
        self.plant = plant
        self.chance = chance
        self.lease = lease
        self.later: list[threading.Timer] = []
        self.kinds: dict[str, Callable[[], bool]] = {
            "kill the training process": self.kill_child,
            "kill a train worker": self.kill_worker,
            "kill a worker and its training": self.kill_both,
            "freeze a worker for two leases": self.freeze_worker,
            "freeze a training": self.freeze_child,
            "stop a worker (SIGTERM)": self.stop_worker,
            "kill the server": self.kill_server,
            "server away for longer than a lease": self.long_absence,
            "empty the server (FLUSHALL)": self.empty_server,
            "pause the server for 2 s": self.pause_server,
            "cut all connections": self.cut_connections,
            "drop all hints": self.drop_hints,
            "double all hints": self.double_hints,
            "damage the newest checkpoint": self.damage_checkpoint,
            "kill the API": self.kill_api,
            "kill the prepare worker": self.kill_preparer,
            "kill at a crash point": self.crash_point,
        }

    def settle(self) -> None:
        """End what is still going on."""
        for timer in self.later:
            timer.cancel()
            timer.join()
        for process in self.plant.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
        if not self.plant.server.answers():
            self.plant.server.start()

    def mend(self) -> None:
        """Start again whatever has died."""
        for name in (*OTHERS, *TRAINERS):
            process = self.plant.processes.get(name)
            if process is None or process.poll() is not None:
                self.plant.start(name)

    def kill_child(self) -> bool:
        return self._to_training(lambda child: child.kill())

    def freeze_child(self) -> bool:
        return self._to_training(lambda child: child.suspend())

    def kill_worker(self) -> bool:
        self.plant.processes[self.chance.choice(TRAINERS)].kill()
        return True

    def kill_both(self) -> bool:
        for name in TRAINERS:
            worker = psutil.Process(self.plant.processes[name].pid)
            children = worker.children(recursive=True)
            if children:
                worker.kill()
                for child in children:
                    _gently(child.kill)
                return True
        return False

    def freeze_worker(self) -> bool:
        worker = self.plant.processes[self.chance.choice(TRAINERS)]
        worker.send_signal(signal.SIGSTOP)
        self._after(2 * self.lease, lambda: worker.send_signal(signal.SIGCONT))
        return True

    def stop_worker(self) -> bool:
        self.plant.processes[self.chance.choice(TRAINERS)].terminate()
        return True

    def kill_server(self) -> bool:
        self.plant.server.kill()
        self.plant.server.start()
        return True

    def long_absence(self) -> bool:
        self.plant.server.kill()
        time.sleep(1.5 * self.lease)
        self.plant.server.start()
        return True

    def empty_server(self) -> bool:
        self.plant.client.flushall()
        return True

    def pause_server(self) -> bool:
        self.plant.client.client_pause(2000)
        return True

    def cut_connections(self) -> bool:
        self.plant.client.client_kill_filter(_type="normal", skipme=True)
        return True

    def drop_hints(self) -> bool:
        prefix = key_prefix(self.plant.settings.prefix)
        return bool(self.plant.client.delete(*(prefix + name for name in JOB_QUEUES))) or True

    def double_hints(self) -> bool:
        app = celery_app(self.plant.server.url, self.plant.settings.prefix)
        for queue in JOB_QUEUES * 3:
            hint(app, queue)
        app.close()
        return True

    def damage_checkpoint(self) -> bool:
        for job in self._running():
            folder = self.plant.settings.folders.job(job.id) / "checkpoints"
            found = sorted(folder.glob("*.safetensors"))
            if len(found) > 1 and _flip(found[-1], self.chance):
                return self.kill_child()
        return False

    def kill_api(self) -> bool:
        self.plant.processes["api"].kill()
        return True

    def kill_preparer(self) -> bool:
        self.plant.processes["prepare"].kill()
        return True

    def crash_point(self) -> bool:
        """Start a worker anew that dies at a point of its own choice."""
        name, point = self.chance.choice(TRAINERS), self.chance.choice(list(POINTS))
        worker = self.plant.processes[name]
        worker.terminate()
        worker.wait(30)
        self.plant.start(name, GANVAS_CRASH_AT=f"{point}#{self.chance.randint(1, 2)}")
        return True

    def _running(self) -> list[Job]:
        ids = self.plant.jobs.ids(None, 200)
        jobs = [job for job in self.plant.jobs.get_many(ids) if job.state is JobState.RUNNING]
        self.chance.shuffle(jobs)
        return jobs

    def _to_training(self, act: Callable[[psutil.Process], None]) -> bool:
        for job in self._running():
            child = self.plant.child_of(job.id)
            if child is not None and _gently(partial(act, child)):
                return True
        return False

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, lambda: _gently(act))
        timer.start()
        self.later.append(timer)


def _gently(act: Callable[[], None]) -> bool:
    try:
        act()
    except (psutil.Error, ProcessLookupError, RedisError, Unavailable):
        return False
    return True


def _flip(path: Path, chance: random.Random) -> bool:
    with contextlib.suppress(OSError):
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        return True
    return False
