"""Opens the image studio of a generate worker: one thread, a device, deterministic kernels."""

import torch

from core.settings import Settings
from worker.device import best_device
from worker.generate import Studio


def open_studio(settings: Settings) -> Studio:
    """A studio whose bytes do not depend on batch size: see worker/generate.py."""
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device(best_device())
    return Studio(settings.home, settings.generate_memory, device, settings.generate_precision)
