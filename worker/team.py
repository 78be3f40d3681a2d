"""The processes of one training, one for each device: what they add up, and what the first says.

They speak torchrun's protocol (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT). Gradients are added up
in one bucket for each player, as in StyleGAN2-ADA: DistributedDataParallel hooks `backward` alone
and does not serve `autograd.grad`, which penalties are made of. All processes draw the same random
numbers and take their part of each batch, so that as many parts give the same training, however
they are spread over threads and processes.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

import torch
import torch.distributed as dist
from torch import Tensor

Word = Literal["play", "keep", "back", "end"]
WORDS: tuple[Word, ...] = get_args(Word)
PATIENCE = timedelta(days=30)  # a paused disk may take long; who dies is noticed at once
NUMBERS = 3  # that go with a word
# Signals that no process gets because another one left: gloo may abort for that.
KILLS = frozenset({signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS})


@dataclass(frozen=True, kw_only=True)
class Team:
    """`rank` of `size` processes; the first one leads. Alone, everything is there already."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each by its sum over all processes, in one exchange."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([t.detach().reshape(-1).float() for t in tensors])
        dist.all_reduce(flat)
        parts = flat.split([t.numel() for t in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Replace each by that of the first process."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def tell(self, word: Word, *numbers: float) -> None:
        """Let the others know what the first one does next."""
        if self.size > 1:
            padded = [*numbers, *[0.0] * (NUMBERS - len(numbers))]
            told = torch.tensor([WORDS.index(word), *padded], dtype=torch.float64)
            dist.broadcast(told, src=0)

    def hear(self) -> tuple[Word, list[float]]:
        """What the first one does next; waits for it. Raises RuntimeError when it is gone."""
        told = torch.empty(1 + NUMBERS, dtype=torch.float64)
        dist.broadcast(told, src=0)
        place, *numbers = told.tolist()
        return WORDS[int(place)], numbers


ALONE = Team()


def backend(device: str) -> str:
    """Words go over gloo, gradients over what is fastest between devices of this kind."""
    return "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"


def called() -> int | None:
    """The rank that a launcher gave this process; None: it was started by itself."""
    rank = os.environ.get("RANK")
    return None if rank is None else int(rank)


def started() -> int | None:
    """How many processes a launcher started; None: this one is alone so far."""
    return None if called() is None else int(os.environ["WORLD_SIZE"])


@contextmanager
def joined(device: str) -> Iterator[Team]:
    """Be the process that the environment says, once all others are there, until they part."""
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group(backend(device), timeout=PATIENCE)
    try:
        team = Team(rank=dist.get_rank(), size=dist.get_world_size())
        yield team
        if team.leads:
            team.tell("end")
        dist.barrier()  # a connection that ends while another process leaves would abort that one
    finally:
        dist.destroy_process_group()


@contextmanager
def assembled(size: int, device: str, module: str, arguments: Sequence[str]) -> Iterator[Team]:
    """Lead a team of `size` processes `python -m module arguments`, who have left at the end."""
    if size == 1 and called() is None:
        yield ALONE
        return
    others: list[subprocess.Popen[Any]] = []
    if called() is None:
        os.environ |= {"RANK": "0", "LOCAL_RANK": "0"} | meeting(size)
        others = [follower(rank, module, arguments) for rank in range(1, size)]
    try:
        with joined(device) as team:
            yield team
    except RuntimeError:
        if killed(others):  # not the work's own fault: the attempt ends like that process
            os.kill(os.getpid(), signal.SIGKILL)
        raise
    finally:
        for process in others:
            process.terminate()
            process.wait()


def killed(processes: "Sequence[subprocess.Popen[Any]]", patience: float = 2.0) -> bool:
    """Whether one of them was killed, which is known some time after its connections end.

    patience: for how many seconds that is waited for.
    """
    end = time.monotonic() + patience
    while processes and time.monotonic() < end:
        if any(-(process.poll() or 0) in KILLS for process in processes):
            return True
        time.sleep(0.05)
    return False


def meeting(size: int) -> dict[str, str]:
    """Where processes on this machine find each other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return place | {"GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo")}


def follower(rank: int, module: str, arguments: Sequence[str]) -> "subprocess.Popen[Any]":
    environment = {**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank)}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        env=environment,
    )
