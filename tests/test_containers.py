"""The containers run what `ganvas up` runs: commands, ports, settings, folders."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.extras import MODULES
from core.settings import Settings
from ganvas.processes import COMMANDS, ONE_THREAD
from ganvas.redis_server import own_server

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"api": "api", **{f"worker-{name}": name for name in ("train", "prepare", "generate")}}


def dockerfile() -> dict[str, list[tuple[str, str]]]:
    """Stage -> (instruction, rest), with comments gone and continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: dict[str, list[tuple[str, str]]] = {}
    steps: list[tuple[str, str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            steps = stages.setdefault(rest.rpartition(" AS ")[2], [])
        if word:
            steps.append((word, " ".join(rest.split())))
    return stages


STAGES = dockerfile()


def only(stage: str, instruction: str) -> str:
    (found,) = [rest for word, rest in STAGES[stage] if word == instruction]
    return found


def extras(stage: str) -> set[str]:
    """The optional parts that are installed in an image."""
    found = re.search(r'pip install -c constraints\.txt .*"\.\[([\w,]+)\]"', only(stage, "RUN"))
    assert found is not None
    return set(found[1].split(","))


@pytest.mark.parametrize("service", OURS)
def test_container_runs_the_launchers_command(service: str) -> None:
    assert tuple(SERVICES[service]["command"]) == COMMANDS[OURS[service]]


def test_every_process_of_the_launcher_has_a_container() -> None:
    assert set(OURS.values()) == set(COMMANDS)
    assert set(SERVICES) == {*OURS, "redis"}


@pytest.mark.parametrize("service", OURS)
def test_environment_names_are_settings(service: str) -> None:
    known = {f"GANVAS_{name.upper()}" for name in Settings.model_fields} | {"REDIS_URL"}
    given = SERVICES[service]["environment"]
    assert {name for name in given if name not in ONE_THREAD} <= known - {"GANVAS_REDIS_URL"}
    assert "GANVAS_HOME" in given and "REDIS_URL" in given
    threads = {name: given[name] for name in ONE_THREAD if name in given}
    assert threads == (ONE_THREAD if OURS[service] == "generate" else {})


def test_environment_of_the_api_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES["api"]["environment"].items():
        monkeypatch.setenv(name, value)
    settings = Settings.model_validate({})
    assert (settings.host, str(settings.home)) == ("0.0.0.0", "/data")
    assert settings.redis_url == "redis://redis:6379/0" and "localhost" in settings.allowed_hosts


def test_only_the_api_is_published_and_on_loopback_only() -> None:
    ports = {name: service.get("ports") for name, service in SERVICES.items()}
    inside = SERVICES["api"]["environment"]["GANVAS_PORT"]
    assert ports.pop("api") == [f"127.0.0.1:8000:{inside}"]
    assert set(ports.values()) == {None}
    assert only("api", "EXPOSE") == inside
    assert f":{inside}/healthz" in only("api", "HEALTHCHECK")


@pytest.mark.parametrize("service", OURS)
def test_container_is_built_from_its_target_and_shares_the_home(service: str) -> None:
    target = "api" if service == "api" else "worker"
    assert SERVICES[service]["build"] == {"context": ".", "target": target}
    assert SERVICES[service]["volumes"] == ["home:/data"]
    assert SERVICES[service]["environment"]["GANVAS_HOME"] == only("base", "VOLUME") == "/data"
    assert SERVICES[service]["depends_on"]["redis"] == {"condition": "service_healthy"}
    assert "home" in COMPOSE["volumes"] and SERVICES[service]["read_only"] is True


def test_server_keeps_what_our_own_server_keeps(tmp_path: Path) -> None:
    command = SERVICES["redis"]["command"]
    given = dict(zip(command[1::2], command[2::2], strict=True))
    own = own_server(tmp_path, "").argv
    ours = dict(zip(own[1::2], own[2::2], strict=True))
    assert given == {name: ours[name] for name in given}
    assert set(given) == {"--appendonly", "--appendfsync", "--save", "--maxmemory-policy"}
    assert SERVICES["redis"]["volumes"] == ["redis:/data"] and "redis" in COMPOSE["volumes"]


@pytest.mark.parametrize("stage", ["api", "worker"])
def test_image_does_not_run_as_root_and_has_a_health_check(stage: str) -> None:
    words = [word for word, _ in STAGES[stage]]
    assert only(stage, "USER") == "ganvas" and words.index("USER") > words.index("RUN")
    assert only(stage, "FROM") == f"base AS {stage}" and "HEALTHCHECK" in words


def test_health_checks_are_valid_python() -> None:
    for stage in ("api", "worker"):
        command = json.loads(only(stage, "HEALTHCHECK").partition("CMD ")[2])
        assert command[:2] == ["python", "-c"]
        compile(command[2], stage, "exec")


def test_api_image_has_no_torch() -> None:
    assert json.loads(only("api", "CMD")) == list(COMMANDS["api"])
    assert "worker" in extras("worker") and "worker" not in extras("api")


def test_images_have_the_optional_parts_that_their_processes_can_use() -> None:
    offered = set(PROJECT["project"]["optional-dependencies"])
    assert extras("worker") == offered - {"server", "dev"} >= set(MODULES)
    assert extras("api") == {"store"}  # GET /v1/store looks into it


def test_images_hold_every_package_and_nothing_else() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    packages, page = set(wheel["packages"]), "app/page"
    assert wheel["artifacts"] == [f"{page}/**"]
    copied = [rest.split() for word, rest in STAGES["base"] if word == "COPY"]
    folders = {target for *sources, target in copied if sources == [target]}
    files = {source for *sources, target in copied if target == "./" for source in sources}
    let_in = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)
    assert ["--from=page", f"/srv/ganvas/{page}", page] in copied
    assert folders == packages
    assert set(let_in) == folders | files | {"dashboard"}
    assert [name for name in files if not (ROOT / name).is_file()] == []
