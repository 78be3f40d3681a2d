"""R9: the API behind a connection that carries nothing any more."""

from pathlib import Path

import pytest

from app.main import create_app
from core.connection import TIMEOUT
from core.settings import Settings
from tests.app.serving import client_of
from tests.chaos_proxy import ChaosProxy


@pytest.mark.slow
def test_half_open_connection_is_a_503_and_the_next_request_works(settings: Settings) -> None:
    upstream = settings.redis_url.removeprefix("unix://")
    with ChaosProxy(Path(upstream)) as proxy:
        app = create_app(settings.model_copy(update={"redis_url": proxy.url}))
        with client_of(app, timeout=30) as api:
            assert api.get("/v1/jobs").status_code == 200
            proxy.freeze()
            cut = api.get("/v1/jobs")
            assert cut.elapsed.total_seconds() < TIMEOUT + 10
            assert (cut.status_code, cut.json()["code"]) == (503, "unavailable")
            assert api.get("/v1/jobs").status_code == 200
