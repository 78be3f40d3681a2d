"""Other implementations, to compare with: loaded without the packages that they need not use."""

import importlib
import importlib.util
import sys
import warnings
from types import ModuleType
from typing import Any

import pytest

# torch-fidelity imports these whatever it is used for; figures of features need none of them.
UNUSED: dict[str, dict[str, Any]] = {
    "torchvision": {},
    "torchvision.datasets": {"CIFAR10": object, "CIFAR100": object, "STL10": object},
    "torchvision.transforms": {},
    "torchvision.transforms.functional": {},
    "tqdm": {"tqdm": lambda items, **_: items},
}


def reference(name: str) -> Any:
    """The module called `name`; where it is not installed the test is skipped."""
    put = {unused: _stand_in(unused) for unused in UNUSED if not _installed(unused)}
    sys.modules.update(put)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name.startswith("torchmetrics"):  # it looks whether torchvision is there
                if _installed("torch_fidelity"):
                    importlib.import_module("torch_fidelity")
                _forget(put)
            return pytest.importorskip(name, reason=f"{name} is not installed")
    finally:
        _forget(put)


def _installed(name: str) -> bool:
    top = name.partition(".")[0]
    return top in sys.modules or importlib.util.find_spec(top) is not None


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(UNUSED[name])
    return module


def _forget(modules: dict[str, ModuleType]) -> None:
    for name, module in modules.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
