"""Settings come from the environment and are refused when they open the service to the network."""

from pathlib import Path

import pytest

from core.errors import Invalid
from core.settings import Settings


def test_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://cache:1/2")
    monkeypatch.setenv("GANVAS_HOME", "~/somewhere")
    monkeypatch.setenv("GANVAS_ALLOWED_HOSTS", "example.org, localhost")
    settings = Settings()
    assert settings.redis_url == "redis://cache:1/2"
    assert settings.home == Path("~/somewhere").expanduser()
    assert settings.allowed_hosts == ("example.org", "localhost")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_bind_beyond_loopback_needs_a_word(host: str) -> None:
    with pytest.raises(Invalid, match="GANVAS_ALLOW_REMOTE_BIND"):
        Settings(host=host)
    assert Settings(host=host, allow_remote_bind=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_free(host: str) -> None:
    assert Settings(host=host).host == host
