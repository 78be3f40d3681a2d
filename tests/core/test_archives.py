"""Portable models: the same bytes every time, and nothing is taken from a hostile archive."""

import hashlib
import io
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import zip_writing
from core.archives import archive_of
from core.errors import BadSpec, CorruptArchive, GanvasError, TooLarge, UnsafePath
from core.imports import take_model
from core.registry import ModelStore
from core.safetensors_header import read_weights
from core.schemas import Model
from core.settings import Settings
from core.stored_zip import read_chunks, stored_entries
from core.zip_writing import Member, zip_chunks, zip_length
from tests.portable import (
    IDENTITY,
    PNG,
    TENSORS,
    archive,
    contents,
    evaluation,
    put_evaluation,
    put_model,
    repacked,
    safetensors,
    unpacked,
    with_weights,
)

LIMIT = 10**6
Files = dict[str, bytes]
EVALUATION = "evaluations/job-e0/evaluation.json"


@pytest.fixture
def model(settings: Settings) -> Model:
    return put_model(settings)


@pytest.fixture
def files(settings: Settings, model: Model) -> Files:
    return contents(archive(settings, model))


def take(data: bytes, folder: Path, limit: int = LIMIT) -> Any:
    return take_model(unpacked(data, folder), folder / "model", limit)


def test_archive_is_the_same_bytes_every_time_and_any_program_reads_it(
    settings: Settings, model: Model
) -> None:
    data = archive(settings, model)
    assert data == archive(settings, model)
    found = contents(data)
    assert list(found) == [
        "MANIFEST.json",
        "model.json",
        "card.json",
        "samples.png",
        EVALUATION,
        "evaluations/job-e0/nearest.png",
        "model.safetensors",
    ]
    manifest = json.loads(found.pop("MANIFEST.json"))
    assert manifest["model"] == {"name": "cats", "version": 1, "digest": model.digest}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    assert {name: told["sha256"] for name, told in manifest["files"].items()} == sums
    packed = archive_of(ModelStore(settings.folders).folder(model), model)
    assert len(data) == zip_length(packed.sealed())
    put_evaluation(settings, model, "job-later")
    assert archive_of(ModelStore(settings.folders).folder(model), model).etag != packed.etag


def test_model_comes_out_of_its_archive_as_it_went_in(files: Files, tmp_path: Path) -> None:
    found = take(repacked(files), tmp_path)
    assert (found.name, found.architecture) == ("cats", "r3")
    assert found.card["job"] is None and found.card["dataset"]["name"] == "Cats"
    origin = found.card["lineage"]["imported"]
    assert (origin["name"], origin["version"], origin["job"]) == ("cats", 1, "job-cats-0")
    for name in files.keys() - {"MANIFEST.json"}:
        assert (tmp_path / "model" / name).read_bytes() == files[name]


def test_attributes_come_out_of_an_archive(files: Files, tmp_path: Path) -> None:
    take(attributed()(files), tmp_path)
    header = json.loads((tmp_path / "model" / "model.json").read_text())
    assert header["attributes"] == ["hat", "sad"]


def test_damaged_weights_do_not_leave_the_house(settings: Settings, model: Model) -> None:
    folder = ModelStore(settings.folders).folder(model)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(BadSpec, match="damaged"):
        archive_of(folder, model).sealed()


def edited(name: str, **fields: Any) -> Callable[[Files], bytes]:
    """One of the JSON files with other fields, in an archive whose sums are true."""

    def make(files: Files) -> bytes:
        record = json.loads(files[name]) | fields
        return repacked(files | {name: json.dumps(record).encode()})

    return make


def replaced(name: str, content: bytes) -> Callable[[Files], bytes]:
    return lambda files: repacked(files | {name: content})


def weighing(weights: bytes, **header: Any) -> Callable[[Files], bytes]:
    return lambda files: repacked(with_weights(files, weights, **header))


def attributed(**fields: Any) -> Callable[[Files], bytes]:
    """A model with attributes, in its weights and its header alike."""
    own = {"classes": [], "attributes": ["hat", "sad"], "combinations": [[[], 2], [[0, 1], 1]]}
    own |= fields
    return weighing(safetensors(ganvas=json.dumps(IDENTITY | own)), **own)


def without(name: str) -> Callable[[Files], bytes]:
    return lambda files: repacked({n: c for n, c in files.items() if n != name})


def lying(files: Files) -> bytes:
    return repacked(files | {"card.json": files["card.json"] + b" "}, honest=False)


def cut(files: Files) -> bytes:
    return repacked(files)[:-30]


def flipped(files: Files) -> bytes:
    """A bit of the weights is another, the manifest and the checksum are the old ones."""
    data = bytearray(repacked(files))
    data[data.rindex(bytes(16))] = 1
    return bytes(data)


def listing(change: Callable[[zipfile.ZipInfo], None]) -> Callable[[Files], bytes]:
    """The zip's own directory says something else of the card."""

    def make(files: Files) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for name, data in files.items():
                file.writestr(name, data)
            change(file.getinfo("card.json"))
        return buffer.getvalue()

    return make


def link(info: zipfile.ZipInfo) -> None:
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16


def encrypted(info: zipfile.ZipInfo) -> None:
    info.flag_bits |= 1


def smaller(info: zipfile.ZipInfo) -> None:
    info.file_size -= 1


def longer(info: zipfile.ZipInfo) -> None:
    info.file_size = info.compress_size = 10**5


def overlapping(info: zipfile.ZipInfo) -> None:
    info.header_offset = 0


def twice(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file, pytest.warns(UserWarning, match="Duplicate"):
        for name, data in [*files.items(), ("card.json", b"{}")]:
            file.writestr(name, data)
    return buffer.getvalue()


def crowded(files: Files) -> bytes:
    return repacked(files | {f"evaluations/job-{n}/nearest.png": PNG for n in range(200)})


def of_classes(*classes: str) -> dict[str, Any]:
    return {"classes": list(classes), "shape": IDENTITY["shape"] | {"c_dim": len(classes)}}


def nested(depth: int) -> bytes:
    return b'{"job": null, "metrics": ' + b"[" * depth + b"]" * depth + b"}"


NAMES = ("../card.json", "/etc/passwd", "a\\b", "C:\\x", "model.pkl", "evaluations/x/run.py")
NAMES += ("evaluations/../../x.json", "evaluations/.x/evaluation.json", "Card.json", "card.json/")
PICKLE = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94."
GAP = {"g.a": TENSORS["g.paint.weight"] | {"data_offsets": [0, 16], "shape": [4, 1]}}
HOSTILE: dict[str, tuple[Callable[[Files], bytes], type[GanvasError]]] = {
    **{f"name {name}": (replaced(name, b"{}"), UnsafePath) for name in NAMES},
    "no zip": (lambda files: b"nothing", CorruptArchive),
    "empty zip": (lambda files: b"PK\x05\x06" + bytes(18), CorruptArchive),
    "cut short": (cut, CorruptArchive),
    "another bit": (flipped, CorruptArchive),
    "compressed": (lambda files: repacked(files, method=zipfile.ZIP_DEFLATED), CorruptArchive),
    "a link": (listing(link), UnsafePath),
    "encrypted": (listing(encrypted), CorruptArchive),
    "two sizes": (listing(smaller), CorruptArchive),
    "longer than there is": (listing(longer), CorruptArchive),
    "overlapping": (listing(overlapping), CorruptArchive),
    "a name twice": (twice, CorruptArchive),
    "many files": (crowded, TooLarge),
    "too large": (weighing(safetensors(data=bytes(2 * LIMIT))), TooLarge),
    "a large card": (replaced("card.json", b" " * 2 * 10**6 + b"{}"), TooLarge),
    "manifest lies": (lying, CorruptArchive),
    "manifest is a list": (
        lambda files: repacked(files | {"MANIFEST.json": b"[]"}, honest=False),
        CorruptArchive,
    ),
    "manifest is deep": (
        lambda files: repacked(files | {"MANIFEST.json": b"[" * 10**5}, honest=False),
        CorruptArchive,
    ),
    **{
        f"without {name}": (without(name), CorruptArchive)
        for name in ("model.json", "card.json", "model.safetensors")
    },
    "evaluation without result": (without(EVALUATION), CorruptArchive),
    "samples are a page": (replaced("samples.png", b"<script>"), CorruptArchive),
    "card is deep": (replaced("card.json", nested(5000)), CorruptArchive),
    "card is rather deep": (replaced("card.json", nested(50)), CorruptArchive),
    "card is infinite": (replaced("card.json", b'{"metrics": {"kd": 1e999}}'), CorruptArchive),
    "card is no number": (replaced("card.json", b'{"metrics": {"kd": NaN}}'), CorruptArchive),
    "card is half a letter": (
        replaced("card.json", b'{"reproducibility": "\\ud800"}'),
        CorruptArchive,
    ),
    "card of lists": (edited("card.json", metrics=[1]), CorruptArchive),
    "card of other networks": (edited("card.json", resolved={"options": {}}), CorruptArchive),
    "header of other weights": (edited("model.json", sha256="0" * 64), CorruptArchive),
    "header of other classes": (edited("model.json", **of_classes("dog", "cat")), CorruptArchive),
    "header of another shape": (
        edited("model.json", shape=IDENTITY["shape"] | {"resolution": 2**20}),
        CorruptArchive,
    ),
    "header that says two things": (
        edited("model.json", resolved={"options": {"width": 9}}),
        CorruptArchive,
    ),
    "header with text for a number": (
        edited("model.json", shape=IDENTITY["shape"] | {"z_dim": "16"}),
        CorruptArchive,
    ),
    "header with a path": (edited("model.json", architecture="../x"), CorruptArchive),
    "header of another format": (edited("model.json", format=2), CorruptArchive),
    "evaluation of another job": (edited(EVALUATION, job="job-x"), CorruptArchive),
    "evaluation without figures": (edited(EVALUATION, metrics=None), CorruptArchive),
    "evaluation dated by a number": (edited(EVALUATION, created_at=5), CorruptArchive),
    "a pickle": (weighing(PICKLE), CorruptArchive),
    "no weights": (weighing(b""), CorruptArchive),
    "huge head": (weighing(struct.pack("<Q", 2**63) + b"{}"), CorruptArchive),
    "head of lists": (weighing(struct.pack("<Q", 2) + b"[]"), CorruptArchive),
    "weights of nobody": (weighing(safetensors(ganvas="{}")), CorruptArchive),
    "weights that say otherwise": (
        weighing(safetensors(ganvas=json.dumps(IDENTITY | {"classes": ["a", "b"]}))),
        CorruptArchive,
    ),
    **{
        f"attributes {what}": (attributed(**fields), CorruptArchive)
        for what, fields in {
            "beside classes": {"classes": ["cat", "dog"]},
            "without combinations": {"combinations": []},
            "of another number": {"attributes": ["hat"]},
            "of one name": {"attributes": ["hat", "hat"]},
            "with a comma": {"attributes": ["hat", "a,b"]},
            "called none": {"attributes": ["hat", "None"]},
            "that are numbers": {"attributes": [1, 2]},
            "out of reach": {"combinations": [[[2], 1]]},
            "from behind": {"combinations": [[[-1], 1]]},
            "out of order": {"combinations": [[[1, 0], 1]]},
            "that never occur": {"combinations": [[[0], 0]]},
            "not counted": {"combinations": [[[0]]]},
        }.items()
    },
    "attributes that the weights do not know": (
        edited("model.json", attributes=["hat", "sad"], combinations=[[[], 1]]),
        CorruptArchive,
    ),
    "no tensors": (weighing(safetensors({}, b"")), CorruptArchive),
    "bytes behind": (weighing(safetensors(data=bytes(17))), CorruptArchive),
    "overlapping tensors": (weighing(safetensors({**TENSORS, **GAP})), CorruptArchive),
    **{
        f"tensor with {what}": (
            weighing(safetensors({"g.w": TENSORS["g.paint.weight"] | change})),
            CorruptArchive,
        )
        for what, change in {
            "another size": {"shape": [2, 3]},
            "a strange type": {"dtype": "OBJ"},
            "no type": {"dtype": ["F32"]},
            "minus": {"shape": [-2, -2]},
            "truth for a number": {"shape": [True, 4]},
            "an endless shape": {"shape": [2**40, 0]},
            "many dimensions": {"shape": [1] * 9 + [4]},
            "one end": {"data_offsets": [0]},
            "more words": {"pickle": "x"},
        }.items()
    },
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archive_is_refused(case: str, files: Files, tmp_path: Path) -> None:
    make, error = HOSTILE[case]
    folder = tmp_path / "upload"
    folder.mkdir()
    before = {path for path in tmp_path.rglob("*") if folder not in path.parents}
    with pytest.raises(GanvasError) as caught:
        take(make(files), folder)
    assert type(caught.value) is error, caught.value.detail
    assert {path for path in tmp_path.rglob("*") if folder not in path.parents} == before


def test_sizes_beyond_four_gibibytes_are_written_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the threshold lowered: what is beyond it goes by the same way."""
    monkeypatch.setattr(zip_writing, "FULL", 1000)
    members = [
        Member(name=name, size=len(data), crc=zlib.crc32(data), chunks=lambda data=data: [data])
        for name, data in (("a", b"first"), ("b", bytes(2000)))
    ]
    plain = b"".join(zip_chunks(members))
    monkeypatch.undo()
    wide = plain.replace(struct.pack("<I", 1000), b"\xff" * 4)
    assert contents(wide) == {"a": b"first", "b": bytes(2000)}
    path = unpacked(wide, tmp_path)
    with open(path, "rb") as file:
        found = {e.name: b"".join(read_chunks(file, e)) for e in stored_entries(file, 2)}
    assert found == contents(wide)


def test_repeated_exports_and_imports_do_not_grow(
    settings: Settings, model: Model, tmp_path: Path
) -> None:
    lineage = take(archive(settings, model), tmp_path).card["lineage"]
    assert set(lineage) == set(model.lineage) | {"imported"}


def test_result_is_shown_as_it_was(settings: Settings, model: Model) -> None:
    assert model.evaluation == evaluation("job-e0", model)


def test_head_of_weights_tells_shapes_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(safetensors())
    weights = read_weights(path)
    assert weights.shapes == {"g.paint.weight": (2, 2)}
    assert json.loads(weights.metadata["ganvas"]) == IDENTITY
