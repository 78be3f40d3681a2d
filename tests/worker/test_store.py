"""Pushing and pulling models: a folder, and an S3 server that is really spoken to."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from core.connection import connect
from core.errors import Conflict, NotFound, Unavailable
from core.jobs import JobStore
from core.registry import ModelStore
from core.schemas import Job, JobKind, JobState, Model
from core.settings import Settings
from core.store import Store
from tests.portable import archive, contents, put_model, repacked, with_weights
from worker.child import environment
from worker.kinds import kinds
from worker.runner import Runner

pytestmark = pytest.mark.service

SECRET = "a-secret-that-nobody-may-see"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server on a free port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store, and an environment in which it can be used."""
    if request.param == "file":
        found = f"file://{tmp_path}/store"
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "owner")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        bucket = f"b{uuid.uuid4().hex[:8]}"
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
        found = f"s3://{bucket}/models"
    monkeypatch.setenv("GANVAS_STORE", found)
    return found


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    """Another service: its own home and records."""
    other = settings.model_copy(
        update={"home": tmp_path / "elsewhere", "prefix": f"t{uuid.uuid4().hex[:8]}"}
    )
    other.folders.create()
    return other


def done(settings: Settings, kind: JobKind, **input: Any) -> Job:
    """The job, carried out by a supervisor with a real child."""
    with connect(settings.redis_url) as client:
        jobs = JobStore(client, settings.prefix, settings.folders)
        job = jobs.create(kind, input)[0]
        home = settings.folders
        Runner(jobs, home, kinds(home), "worker-1", threading.Event()).drain("prepare")
        found = jobs.get(job.id)
    assert not list(home.job(job.id).glob("publish-*"))
    assert SECRET not in found.model_dump_json()
    return found


def push(settings: Settings, model: Model) -> Job:
    return done(settings, JobKind.PUSH, model=model.name, version=model.version)


def refused(job: Job) -> str:
    assert job.state == JobState.FAILED and job.error is not None, job
    return str(job.error["code"])


@dataclass(frozen=True)
class Shelf:
    """What lies in the store, as bytes."""

    url: str

    def read(self, place: str) -> bytes:
        return self._files().cat_file(f"{self.url}/{place}")

    def write(self, place: str, content: bytes) -> None:
        self._files().pipe_file(f"{self.url}/{place}", content)

    def stamp(self, place: str) -> Any:
        facts = self._files().info(f"{self.url}/{place}")
        return facts.get("LastModified") or facts.get("mtime")

    def _files(self) -> Any:
        return fsspec.filesystem(self.url.partition(":")[0], skip_instance_cache=True)


def test_model_goes_to_the_store_and_comes_out_elsewhere(
    settings: Settings, url: str, tmp_path: Path
) -> None:
    model = put_model(settings)
    job = push(settings, model)
    place = f"cats/1-{model.digest[:12]}.zip"
    assert job.state == JobState.SUCCEEDED and job.output is not None, job.error
    assert (job.output["file"], job.output["version"]) == (place, 1)
    shelf = Shelf(url)
    assert shelf.read(place) == archive(settings, model)
    before = shelf.stamp(place)
    assert push(settings, model).state == JobState.SUCCEEDED
    assert shelf.stamp(place) == before
    (listed,) = Store(url).all()
    assert (listed.name, listed.version, listed.bytes) == ("cats", 1, job.output["bytes"])

    other = elsewhere(settings, tmp_path)
    outputs = [done(other, JobKind.PULL, name="cats").output for _ in range(2)]
    expected = {"model": "cats", "version": 1, "digest": model.digest, "file": place}
    assert outputs == [expected | {"new": True}, expected | {"new": False}]
    pulled = ModelStore(other.folders).get("cats", 1)
    assert pulled.lineage["imported"]["job"] == model.job
    assert pulled.evaluation == model.evaluation


def test_damaged_archive_is_refused_and_a_push_repairs_it(
    settings: Settings, url: str, tmp_path: Path
) -> None:
    model = put_model(settings)
    push(settings, model)
    place = f"cats/1-{model.digest[:12]}.zip"
    good = Shelf(url).read(place)
    at = good.rindex(bytes(16))
    other = elsewhere(settings, tmp_path)
    for bad in (good[:at] + b"\1" + good[at + 1 :], good[:-10]):
        Shelf(url).write(place, bad)
        assert refused(done(other, JobKind.PULL, name="cats")) == "corrupt_archive"
    assert ModelStore(other.folders).all() == []
    assert push(settings, model).state == JobState.SUCCEEDED
    assert Shelf(url).read(place) == good
    assert done(other, JobKind.PULL, name="cats", version=1).state == JobState.SUCCEEDED


def test_store_is_listed_without_what_is_not_ours(url: str) -> None:
    assert url.startswith("s3") or Store(url).all() == []
    sum1, sum2 = "1" * 12, "2" * 12
    places = [f"cats/{n}-{sum1}.zip" for n in (1, 10, 2)] + [f"cats/2-{sum2}.zip"]
    strange = ["cats/x.zip", "a b/1-111111111111.zip", "1-111111111111.zip", "cats/deep/1.zip"]
    if url.startswith("file"):
        for folder in ("cats/deep", "a b"):
            (Path(url.removeprefix("file://")) / folder).mkdir(parents=True)
    for place in [*places, *strange]:
        Shelf(url).write(place, b"x")
    store = Store(url)
    assert [model.version for model in store.all()] == [10, 2, 2, 1]
    assert store.choose("cats", None, None).version == 10
    assert store.choose("cats", None, f"2-{sum2}.zip").digest == sum2
    with pytest.raises(Conflict, match="several of this version"):
        store.choose("cats", 2, None)
    for name, version in (("cats", 3), ("dogs", None)):
        with pytest.raises(NotFound):
            store.choose(name, version, None)


@pytest.mark.parametrize("url", ["file"], indirect=True)
def test_archive_that_is_not_what_was_asked_for_is_refused(
    settings: Settings, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = put_model(settings)
    push(settings, model)
    data = Shelf(url).read(f"cats/1-{model.digest[:12]}.zip")
    Shelf(url).write("cats/2-000000000000.zip", data)
    pickle = repacked(with_weights(contents(data), b"\x80\x04 a pickle"))
    Shelf(url).write("cats/3-111111111111.zip", pickle)
    other = elsewhere(settings, tmp_path)
    assert refused(done(other, JobKind.PULL, name="cats", version=2)) == "corrupt_archive"
    assert refused(done(other, JobKind.PULL, name="cats")) == "corrupt_archive"
    unknown = done(other, JobKind.PULL, name="cats", version=1, architectures=["skip"])
    assert refused(unknown) == "invalid_request"
    monkeypatch.setenv("GANVAS_MAX_UPLOAD_BYTES", "100")
    assert refused(done(other, JobKind.PULL, name="cats", version=1)) == "too_large"
    assert ModelStore(other.folders).all() == []


def test_store_that_does_not_answer_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "owner")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("GANVAS_STORE", "s3://bucket/models")
    assert refused(push(settings, put_model(settings))) == "unavailable"


def test_store_without_a_driver_says_so() -> None:
    for url in ("nosuch://x/y", f"nosuch://user:{SECRET}@x"):
        with pytest.raises(Unavailable) as caught:
            Store(url)
        assert SECRET not in caught.value.detail


def test_half_an_archive_is_removed(url: str) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"some bytes"
        raise RuntimeError("the disk broke")

    store = Store(url)
    with pytest.raises(Unavailable, match="the disk broke"):
        store.write("cats", "1-111111111111.zip", breaking())
    assert Store(url).size("cats", "1-111111111111.zip") is None


def test_only_children_of_the_store_get_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("GANVAS_STORE", f"s3://user:{SECRET}@bucket")
    monkeypatch.setenv("REDIS_URL", f"redis://:{SECRET}@host")
    modules = {kind.module for kind in kinds(Settings(home=Path("/nowhere")).folders).values()}
    assert "worker.store_run" in modules
    for module in modules:
        passed = environment(module)
        names = {name for name, value in passed.items() if SECRET in value}
        of_store = {"AWS_SECRET_ACCESS_KEY", "GANVAS_STORE"}
        assert names == (of_store if module == "worker.store_run" else set()), module
