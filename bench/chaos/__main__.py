"""`make chaos MINUTES=10 SEED=1`: many jobs under random faults for a while, then the oracle.

Prints a table of the faults and one of the promises; ends with 1 when one was broken.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from bench.chaos.faults import OTHERS, TRAINERS, Mischief
from bench.chaos.follow import Follower
from bench.chaos.oracle import DATASET, EVALUATION, Accepted, Check, Oracle
from core.errors import Unavailable
from core.schemas import JobState
from tests.faults.plant import Plant, planted
from tests.faults.walk import PAIRS, TINY

LEASE, STALL, CHECKPOINT = 8.0, 10.0, 1.5
AT_ONCE = 4  # unfinished jobs
REST_SECONDS = 240.0  # that the service gets to come to rest
RECIPES: dict[str, dict[str, Any]] = {
    "skip": {"budget": {"steps": 700}},
    "skip, other seed": {"budget": {"steps": 500}, "seed": 7},
    "pairs": {"budget": {"steps": 400}, "options": PAIRS},
    "dcgan": {
        "budget": {"steps": 500},
        "options": {"architecture": "dcgan", "width": 8, "batch": 4},
    },
}

JUDGED = {"model": "skip@1", "n": 50}  # what evaluations are asked for


class Soak:
    """Submits jobs, follows them, and lets faults happen."""

    def __init__(self, plant: Plant, seed: int) -> None:
        self.plant = plant
        self.chance = random.Random(seed)
        self.mischief = Mischief(plant, self.chance, LEASE)
        self.accepted: list[Accepted] = []
        self.done: Counter[str] = Counter()
        self.ended = threading.Event()
        self.number = 0
        self.family: set[psutil.Process] = set()

    def undisturbed(self) -> dict[str, str]:
        """The digests of one calm training of each recipe; the first is evaluated, too."""
        ids = {name: self.plant.train(**self.request(name)) for name in RECIPES}
        digests = {name: self.plant.digest(self.plant.succeeded(i)) for name, i in ids.items()}
        answer = self.plant.http.post("/v1/evaluate", json=JUDGED)
        assert answer.status_code == 202, answer.text
        self.plant.succeeded(answer.json()["id"])
        return digests

    def request(self, recipe: str) -> dict[str, Any]:
        own = {"options": TINY, "name": recipe.replace(", ", "-").replace(" ", "-")}
        return own | RECIPES[recipe]

    def run(self, seconds: float) -> None:
        """Faults in the order of a shuffled deck, jobs whenever there are few."""
        end = time.monotonic() + seconds
        deck: list[str] = []
        while time.monotonic() < end:
            self.mischief.mend()
            self.remember()
            self.feed()
            if not deck:
                deck = list(self.mischief.kinds)
                self.chance.shuffle(deck)
            kind = deck.pop()
            if attempted(self.mischief.kinds[kind]):
                self.done[kind] += 1
                print(f"{end - time.monotonic():6.0f} s left: {kind}", flush=True)
            time.sleep(self.chance.uniform(3, 9))

    def remember(self) -> None:
        """Every process that belongs to the service, also those whose parent is dead by now."""
        self.family |= set(psutil.Process().children(recursive=True))

    def feed(self) -> None:
        """Keep a few jobs going; now and then one is paused, resumed or cancelled."""
        try:
            open_ones = [a for a in self.accepted if not self.plant.jobs.get(a.id).state.terminal]
            while len(open_ones) < AT_ONCE:
                submitted = self.submit()
                if submitted is None:
                    return
                open_ones.append(submitted)
            if self.chance.random() < 0.2:
                job = self.chance.choice(open_ones)
                for word in ("pause", "resume"):
                    self.plant.http.post(f"/v1/jobs/{job.id}/{word}")
        except (httpx.HTTPError, Unavailable, RedisError) as error:
            print(f"         (the client sees: {type(error).__name__})", flush=True)

    def submit(self) -> Accepted | None:
        """One job, said again with its key until it is accepted or a minute has passed."""
        self.number += 1
        draw, key = self.chance.random(), f"chaos-{self.number}"
        recipe = self.chance.choice(list(RECIPES))
        recipe = DATASET if draw < 0.15 else EVALUATION if draw < 0.25 else recipe
        cancelled = recipe in RECIPES and draw > 0.9
        job_id = self.accept(key, recipe)
        if job_id is None:
            return None
        if cancelled:
            self.insist("POST", f"/v1/jobs/{job_id}/cancel")
        one = Accepted(
            id=job_id,
            recipe=recipe,
            expected=JobState.CANCELLED if cancelled else JobState.SUCCEEDED,
            follower=Follower(str(self.plant.http.base_url), job_id, self.ended),
        )
        self.accepted.append(one)
        return one

    def accept(self, key: str, recipe: str) -> str | None:
        head = {"Idempotency-Key": key}
        if recipe != DATASET:
            body = {"dataset": "discs", "resolution": 32}
            body = JUDGED if recipe == EVALUATION else body | self.request(recipe)
            path = "/v1/evaluate" if recipe == EVALUATION else "/train"
            answer = self.insist("POST", path, json=body, headers=head)
            return answer.json()["id"] if answer is not None else None
        sample = {"sample": "sprites", "count": 40, "resolution": 32, "seed": self.number}
        answer = self.insist("POST", "/v1/datasets", json=sample, headers={"Prefer": "wait=0"})
        return answer.json().get("job") if answer is not None else None

    def insist(self, method: str, path: str, **fields: Any) -> httpx.Response | None:
        """The answer that accepts; None when a minute was not enough."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            self.mischief.mend()
            try:
                answer = self.plant.http.request(method, path, **fields)
                if answer.status_code < 300:
                    return answer
            except httpx.TransportError:
                pass
            time.sleep(0.3)
        return None

    def rest(self) -> None:
        """No more faults: everything that was accepted comes to its end."""
        self.mischief.settle()
        end = time.monotonic() + REST_SECONDS
        while time.monotonic() < end:
            self.mischief.mend()
            jobs = self.plant.jobs.get_many([one.id for one in self.accepted])
            going = [job for job in jobs if not job.state.terminal]
            for job in going:
                if job.state is JobState.PAUSED:
                    self.insist("POST", f"/v1/jobs/{job.id}/resume")
            if not going and all(one.follower.done for one in self.accepted):
                break
            time.sleep(0.5)
        self.ended.set()


def attempted(fault: Any) -> bool:
    """Whether the fault happened; the server may be away at this moment."""
    try:
        return fault()
    except (RedisError, Unavailable, OSError, OperationalError, psutil.Error) as error:
        print(f"         (no fault: {type(error).__name__})", flush=True)
        return False


def show(soak: Soak, seconds: float) -> None:
    print("\n| fault | times |\n| --- | --- |")
    for kind, times in sorted(soak.done.items()):
        print(f"| {kind} | {times} |")
    jobs = soak.plant.jobs.get_many([one.id for one in soak.accepted])
    attempts = sum(entry.state == "running" for job in jobs for entry in job.history)
    faults = f"{sum(soak.done.values())} faults of {len(soak.done)} kinds"
    print(f"\n{len(soak.accepted)} jobs, {faults}, {attempts} attempts on record, {seconds:.0f} s")
    print(f"counters: {soak.plant.jobs.counts()}\n")


def verdict(checks: list[Check]) -> int:
    print("| promise | checked | broken |\n| --- | --- | --- |")
    for check in checks:
        print(f"| {check.promise} | {check.of} | {len(check.broken)} |")
    for check in checks:
        for text in check.broken:
            print(f"BROKEN: {check.promise}: {text}")
    return 1 if any(check.broken for check in checks) else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", type=Path, help="Folder for logs and files, kept afterwards.")
    asked = parser.parse_args()
    seed = random.randrange(2**32) if asked.seed is None else asked.seed
    print(f"seed {seed}, {asked.minutes:g} minutes", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        return soak_in(folder, seed, 60 * asked.minutes)


def soak_in(folder: Path, seed: int, seconds: float) -> int:
    started = time.monotonic()
    with planted(folder, lease=LEASE, stall=STALL, checkpoint=CHECKPOINT, pinned=False) as plant:
        soak = Soak(plant, seed)
        soak.mischief.mend()
        plant.ready(*OTHERS, *TRAINERS)
        digests = soak.undisturbed()
        soak.run(seconds - (time.monotonic() - started))
        soak.rest()
        oracle = Oracle(plant, soak.accepted, digests)
        checks = list(oracle.checks())
        show(soak, time.monotonic() - started)
        soak.remember()
    checks.append(oracle.processes(list(soak.family)))
    return verdict(checks)


if __name__ == "__main__":
    sys.exit(main())
