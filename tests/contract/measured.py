"""The mark that joins a test to its experiment."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.laboratory import Laboratory


def measured(experiment: Callable[[Laboratory], Any]) -> pytest.MarkDecorator:
    """The test gets what the experiment returns as its argument `outcome`."""
    return pytest.mark.parametrize("outcome", [experiment], indirect=True, ids=["measured"])
