"""Serving compared: `python -m bench.serving` (make bench-serving).

Ours as shipped, LitServe, FastAPI alone (behind --with: ray, bentoml) and the limit, which is the
same work in two processes without HTTP: the same weights, precision and PNG files, one torch
thread, two workers, batches of at most 16, distinct random seeds. Rounds are interleaved, figures
are medians. Ends with status 1 when an image of ours is not the right one to the last byte.
"""

import argparse
import json
import subprocess
import sys
import sysconfig
import threading
import venv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import torch

from bench import serving_more
from bench.load import Closed, closed
from bench.servers import ONE_THREAD, ROOT, Running, Server, python, running
from bench.serving_models import dtype_of, published
from core.schemas import Model
from worker.machine import usable_cores
from worker.manner import kind_of

PACKAGES = {"litserve": "litserve==0.2.19", "ray": "ray[serve]", "bentoml": "bentoml"}
CLIENTS = (1, 8, 32, 128)
CHECKED = range(1000, 1064)  # seeds whose bytes are compared
IDLE_SECONDS = 5.0


def peers_python(folder: Path, names: list[str]) -> Path:
    """An environment with the other frameworks; what ours has, torch among it, it takes from it."""
    own = folder / "peers"
    if not (own / "bin" / "python").exists():
        venv.create(own, with_pip=True)
        inner = own / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
        (inner / "ours.pth").write_text(sysconfig.get_paths()["purelib"])
    wanted = [PACKAGES[name] for name in names]
    subprocess.run([own / "bin" / "pip", "install", "-q", *wanted], check=True)
    return own / "bin" / "python"


def ours(home: Path, model: Model, *extra: str) -> Server:
    """`ganvas up` with two generate workers."""
    up = ("up", "--home", str(home), "--port", "{port}", "--generate-workers", "2")
    return Server(
        name="ganvas",
        argv=(str(Path(python()).with_name("ganvas")), *up, *extra),
        path=f"/v1/generate?model={model.name}@{model.version}&metadata=0&seed=",
        environment={},
    )


def others(interpreter: Path, names: list[str], told: dict[str, str]) -> list[Server]:
    """The servers to compare with."""
    run = (str(interpreter), "-m")
    known = {
        "litserve": ((*run, "bench.peers.litserve_server", "{port}"), "/predict"),
        "fastapi": ((*run, "bench.peers.plain_fastapi", "{port}"), "/image?seed="),
        "ray": ((*run, "bench.peers.ray_server", "{port}"), "/image?seed="),
        "bentoml": (
            (*run, "bentoml", "serve", "bench.peers.bentoml_server:PictureServer", "-p", "{port}"),
            "/image?seed=",
        ),
    }
    return [
        Server(
            name=name,
            argv=known[name][0],
            path=known[name][1],
            post=name == "litserve",
            environment=told,
        )
        for name in names
    ]


def limit(told: dict[str, str], seconds: float) -> dict[str, float]:
    """What the machine can do (bench/peers/limit.py)."""
    argv = [python(), "-m", "bench.peers.limit", str(seconds)]
    environment = {**ONE_THREAD, **told, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    out = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, check=True)
    return json.loads(out.stdout)


def right_bytes(told: dict[str, str]) -> list[bytes]:
    """The files of the checked seeds, each made alone."""
    code = (
        "import sys; from bench.peers.pictures import Pictures; p = Pictures(); "
        "sys.stdout.buffer.write(b''.join(len(i).to_bytes(4) + i for i in "
        f"(p.made([s])[0] for s in range({CHECKED.start}, {CHECKED.stop}))))"
    )
    environment = {**ONE_THREAD, **told, "PYTHONPATH": str(ROOT)}
    data = subprocess.run(
        [python(), "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True
    ).stdout
    images: list[bytes] = []
    while data:
        size = int.from_bytes(data[:4])
        images.append(data[4 : 4 + size])
        data = data[4 + size :]
    return images


def wrong_under_load(server: Running, right: list[bytes]) -> int:
    """How many of the checked images differ while 32 clients keep the server busy."""
    load = threading.Thread(target=closed, args=(server,), kwargs={"clients": 32, "seconds": 3.0})
    load.start()
    with httpx.Client(trust_env=False, timeout=30) as http:
        made = [server.image(seed, http) for seed in CHECKED]
    load.join()
    return sum(a != b for a, b in zip(made, right, strict=True))


@dataclass(kw_only=True)
class Round:
    """One round of one server."""

    loads: dict[int, Closed]  # by clients
    idle: float  # cores
    wrong: int  # of the checked images
    megabytes: float
    first_image: float  # seconds


def measured(server: Server, right: list[bytes], seconds: float, log: Path) -> Round:
    """One round of one server."""
    with running(server, log) as answering:
        closed(answering, clients=32, seconds=1.0)  # warm
        spent = answering.cpu_seconds()
        threading.Event().wait(IDLE_SECONDS)
        idle = (answering.cpu_seconds() - spent) / IDLE_SECONDS
        return Round(
            loads={n: closed(answering, clients=n, seconds=seconds) for n in CLIENTS},
            idle=idle,
            wrong=wrong_under_load(answering, right),
            megabytes=answering.megabytes(),
            first_image=answering.first_image,
        )


def table(net: str, rounds: dict[str, list[Round]], limits: list[dict[str, float]]) -> None:
    """One table of a net, as Markdown."""
    best, cpu, one = (median(each[k] for each in limits) for k in ("rate", "cpu_per_1000", "alone"))
    print(f"\n{net}: the limit is {best:.0f} images/s and {cpu:.2f} CPU s for 1,000;")
    print(f"an image alone takes {one:.2f} ms.\n")
    heads = [f"c={c} req/s (%), p50/p95/p99 ms" for c in CLIENTS]
    tail = ["CPU s/1,000 at c=32", "MB", "idle CPU %", "first image s", "not 2xx", "wrong bytes"]
    print("| server | " + " | ".join(heads + tail) + " |")
    print("| --- |" + " ---: |" * len(heads + tail))
    for name, found in rounds.items():
        print(f"| {name} | " + " | ".join(_cells(found, best)) + " |", flush=True)


def _cells(found: list[Round], best: float) -> list[str]:
    cells = []
    for clients in CLIENTS:
        own = [each.loads[clients] for each in found]
        rate = median(each.rate for each in own)
        waits = [median(getattr(each, p) for each in own) for p in ("p50", "p95", "p99")]
        cells.append(f"{rate:.0f} ({rate / best:.0%}), {'/'.join(f'{w:.1f}' for w in waits)}")
    cells.append(f"{median(each.loads[32].cpu_per_1000 for each in found):.2f}")
    cells.append(f"{median(each.megabytes for each in found):.0f}")
    cells.append(f"{median(each.idle for each in found) * 100:.2f}")
    cells.append(f"{median(each.first_image for each in found):.1f}")
    cells.append(str(sum(e.refused + e.broken for each in found for e in each.loads.values())))
    cells.append(str(sum(each.wrong for each in found)))
    return cells


def compared(net: str, model: Model, given: argparse.Namespace, names: list[str]) -> int:
    """All rounds of one net, printed; how many images of ours were wrong."""
    home, out = given.out / "home", given.out
    folder = home / "models" / model.name / str(model.version)
    told = {"BENCH_MODEL": str(folder.absolute()), "BENCH_DTYPE": dtype_of(home, model)}
    print(f"\n{net}: {told['BENCH_DTYPE']}", file=sys.stderr)
    right = right_bytes(told)
    servers = [ours(home.absolute(), model)]
    interpreter = peers_python(out.absolute(), [name for name in names if name in PACKAGES])
    servers += others(interpreter, names, told)
    rounds, limits = defaultdict[str, list[Round]](list), []
    for number in range(given.rounds):
        limits.append(limit(told, given.seconds))
        for server in servers:
            print(f"round {number + 1}: {server.name}", file=sys.stderr, flush=True)
            log = out / f"{server.name}.log"
            rounds[server.name].append(measured(server, right, given.seconds, log))
    table(net, rounds, limits)
    return sum(each.wrong for each in rounds["ganvas"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of one load")
    parser.add_argument("--nets", default="big,small")
    parser.add_argument("--with", dest="more", default="", help="ray, bentoml")
    parser.add_argument("--only", choices=("compare", "more"), help="one half of the benchmark")
    parser.add_argument("--out", type=Path, default=Path("out/serving"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    models = published(given.out / "home")
    print(f"{usable_cores()} cores, {kind_of(torch.device('cpu')).name}", flush=True)
    names = ["litserve", "fastapi", *filter(None, given.more.split(","))]
    wrong = 0
    if given.only != "more":
        for net in given.nets.split(","):
            wrong += compared(net, models[net], given, names)
    if given.only != "compare":
        serving_more.show(given.out.absolute(), models, ours, given.seconds)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
