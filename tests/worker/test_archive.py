"""Archives made to hurt: every one is refused by name, and nothing is ever written anywhere."""

import gzip
import io
import json
import os
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import CorruptArchive, GanvasError, TooLarge, UnsafePath
from worker.ingest.archive import entries
from worker.ingest.archive_rules import Limits, clean_name

FILES = {"cat/1.png": b"one", "cat/2.png": b"two" * 1000, "dog/1.png": b"", "ü.png": b"x"}
UNSAFE = [
    "../../x.png",
    "a/../../x.png",
    "/etc/x.png",
    "//x.png",
    "C:/x.png",
    "c:x.png",
    "a\\x.png",
    "..\\x.png",
    "a\0.png",
]


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tar_of(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def tar_with(member: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(member)
    return stream.getvalue()


Read = Callable[..., dict[str, bytes]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads an archive given as bytes; looks that nothing else appeared on the disk."""

    def read(content: bytes, limits: Limits | None = None) -> dict[str, bytes]:
        (tmp_path / "in").mkdir(exist_ok=True)
        path = tmp_path / "in" / "upload"
        path.write_bytes(content)
        try:
            return {entry.name: entry.read() for entry in entries(path, limits or Limits())}
        finally:
            assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")] == [
                "in",
                "in/upload",
            ]

    return read


PACKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zip_of,
    "zip stored": lambda files: zip_of(files, zipfile.ZIP_STORED),
    "tar pax": tar_of,
    "tar gnu": lambda files: tar_of(files, tarfile.GNU_FORMAT),
    "tar ustar": lambda files: tar_of(files, tarfile.USTAR_FORMAT),
    "tar.gz": lambda files: gzip.compress(tar_of(files)),
    "tar.gz in two members": lambda files: (
        gzip.compress(tar_of(files)[:700]) + gzip.compress(tar_of(files)[700:])
    ),
}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_reads_what_was_packed(pack: Callable[[dict[str, bytes]], bytes], read: Read) -> None:
    if pack is PACKERS["tar ustar"]:
        assert read(pack({"a/b.png": b"1"})) == {"a/b.png": b"1"}
    long = {
        **FILES,
        "d" * 90 + "/" + "e" * 90 + ".png": b"long",
        "-rf.png": b"",
        "a\nb😀.png": b"n",
    }
    assert read(pack(long)) == long


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_unread_entries_are_passed_over(
    pack: Callable[[dict[str, bytes]], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "archive"
    path.write_bytes(pack(FILES))
    assert [entry.name for entry in entries(path)] == list(FILES)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(
    files=st.dictionaries(
        st.from_regex(r"[a-z0-9 é_-]{1,150}(/[a-z0-9]{1,150})?\.png", fullmatch=True),
        st.binary(max_size=3000),
        max_size=6,
    )
)
def test_every_kind_of_archive_gives_the_same_files(files: dict[str, bytes], read: Read) -> None:
    for pack in (zip_of, tar_of, PACKERS["tar gnu"], PACKERS["tar.gz"]):
        assert read(pack(files)) == files


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(
    kind=st.sampled_from([zip_of(FILES), tar_of(FILES), gzip.compress(tar_of(FILES), mtime=0)]),
    damage=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 10**6),
)
def test_damaged_archives_are_read_or_refused_and_nothing_else(
    kind: bytes, damage: list[tuple[int, int]], cut: int, read: Read
) -> None:
    content = bytearray(kind)
    for place, value in damage:
        content[place % len(content)] = value
    try:
        read(bytes(content[: len(content) - cut % len(content) // 2]))
    except GanvasError as error:
        assert isinstance(error, CorruptArchive | TooLarge | UnsafePath)


@pytest.mark.parametrize("name", UNSAFE)
def test_i1_names_that_lead_elsewhere_are_refused(name: str, read: Read) -> None:
    raw = name.replace("\0", "N")  # zipfile cuts at NUL; put it back afterwards
    packed = zip_of({"good.png": b"1", raw: b"2"}).replace(raw.encode(), name.encode())
    with pytest.raises(UnsafePath) as refusal:
        read(packed)
    assert refusal.value.code == "unsafe_path"
    if "\0" not in name:
        with pytest.raises(UnsafePath):
            read(tar_of({"good.png": b"1", name: b"2"}))


@settings(deadline=None)
@given(st.text(max_size=60))
def test_clean_names_stay_below_their_folder(name: str) -> None:
    try:
        clean = clean_name(name, Limits())
    except UnsafePath:
        return
    path = Path("/data/folder", clean)
    assert os.path.normpath(path).startswith("/data/folder")
    assert ".." not in path.parts


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.GNUTYPE_SPARSE,
    ],
)
def test_i2_links_and_devices_are_refused(kind: bytes, read: Read) -> None:
    member = tarfile.TarInfo("cat.png")
    member.type = kind
    member.linkname = "a/../../etc/passwd"
    with pytest.raises(UnsafePath):
        read(tar_with(member))


def test_i2_setuid_files_are_refused(read: Read) -> None:
    member = tarfile.TarInfo("cat.png")
    member.mode = 0o4755
    with pytest.raises(UnsafePath):
        read(tar_with(member))


def test_i2_symbolic_links_in_a_zip_are_refused(read: Read) -> None:
    member = zipfile.ZipInfo("cat.png")
    member.create_system = 3
    member.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(UnsafePath, match="a link"):
        read(stream.getvalue())


def test_i3_a_bomb_is_stopped_early_and_in_little_memory(read: Read) -> None:
    bomb = zip_of({"cat.png": bytes(60 << 20)})
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="grows"):
            read(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50 << 20


def test_i3_a_gzip_bomb_is_stopped_even_if_nobody_reads_the_entry(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(tar_of({"film.mp4": bytes(60 << 20)})))
    with pytest.raises(TooLarge, match="grows"):
        list(entries(path))


def test_i3_a_header_that_lies_about_its_size_is_refused(read: Read) -> None:
    content = bytes(300_000)
    packed = zip_of({"cat.png": content})
    lie = packed.replace(struct.pack("<I", len(content)), struct.pack("<I", 1000))
    with pytest.raises(CorruptArchive, match="larger than it says"):
        read(lie)


def test_i3_overlapping_entries_are_refused(read: Read) -> None:
    """Two names in the directory for one stored file, as in the quoted-overlap bomb."""
    packed = zip_of({"a.png": b"content"})
    start = packed.index(b"PK\x01\x02")
    end = packed.index(b"PK\x05\x06")
    record = packed[start:end]
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(record), start, 0)
    with pytest.raises(CorruptArchive, match="overlap"):
        read(packed[:start] + record + record + tail)


@pytest.mark.parametrize(
    ("limits", "match"),
    [
        (Limits(total_bytes=2000), "unpacked"),
        (Limits(entry_bytes=2000), "larger"),
        (Limits(entries=3), "entries"),
        (Limits(name_bytes=8), "name"),
    ],
)
@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_i4_limits_hold_for_every_kind(
    pack: Callable[[dict[str, bytes]], bytes], limits: Limits, match: str, read: Read
) -> None:
    with pytest.raises(TooLarge, match=match):
        read(pack(FILES), limits)


def test_i4_an_endless_name_is_refused(read: Read) -> None:
    with pytest.raises(TooLarge):
        read(tar_of({"n" * 70_000: b""}, tarfile.GNU_FORMAT))
    with pytest.raises(TooLarge):
        read(zip_of({"n" * 60_000: b""}))


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_i5_truncated_archives_are_refused(
    pack: Callable[[dict[str, bytes]], bytes], part: float, read: Read
) -> None:
    files = {f"{i}.png": os.urandom(2000) for i in range(30)}
    packed = pack(files)
    with pytest.raises(CorruptArchive):
        read(packed[: int(len(packed) * part)])


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(600), b"Rar!\x1a\x07", b"PK\x03\x04", b"\x1f\x8b"],
)
def test_i5_what_is_no_archive_is_refused(content: bytes, read: Read) -> None:
    with pytest.raises(CorruptArchive):
        read(content)


def test_i5_a_gzip_without_a_tar_is_refused(read: Read) -> None:
    with pytest.raises(CorruptArchive):
        read(gzip.compress(b"just one file" * 100))


def test_i5_a_wrong_checksum_is_refused(read: Read) -> None:
    packed = zip_of({"a.png": b"content of it"}, zipfile.ZIP_STORED)
    with pytest.raises(CorruptArchive, match="checksum"):
        read(packed.replace(b"content of it", b"content or it"))


def test_i6_encrypted_entries_are_refused(read: Read) -> None:
    packed = bytearray(zip_of({"a.png": b"x"}))
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(CorruptArchive, match="encrypted"):
        read(bytes(packed))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_i6_other_methods_are_refused(method: int, read: Read) -> None:
    with pytest.raises(CorruptArchive, match="deflate"):
        read(zip_of({"a.png": b"x" * 100}, method))


def test_i6_zip64_is_read_and_its_lies_are_refused(read: Read) -> None:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w") as archive,
        archive.open("a.png", "w", force_zip64=True) as file,
    ):
        file.write(b"content")
    packed = stream.getvalue()
    assert read(packed) == {"a.png": b"content"}
    start, end = packed.index(b"PK\x01\x02"), packed.index(b"PK\x05\x06")
    for size, extra in (
        (0xFFFFFFFF, b""),
        (0xFFFFFFFF, struct.pack("<HHQ", 1, 8, 2**60)),
        (0xFFFFFFFF, struct.pack("<HHQ", 1, 400, 7)),
    ):
        record = bytearray(packed[start:end])
        struct.pack_into("<I", record, 20, size)
        struct.pack_into("<H", record, 30, len(extra))
        record += extra
        tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(record), start, 0)
        with pytest.raises(CorruptArchive):
            read(packed[:start] + bytes(record) + tail)


def test_i6_the_zip64_directory_is_read_and_its_lies_are_refused(read: Read) -> None:
    packed = zip_of(FILES)
    start, end = packed.index(b"PK\x01\x02"), packed.index(b"PK\x05\x06")

    def with_directory(size: int, at: int, record: int) -> bytes:
        wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 4, 4, size, at)
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, record, 1)
        full = 0xFFFFFFFF
        tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, full, full, 0)
        return packed[:end] + wide + locator + tail

    assert read(with_directory(end - start, start, end)) == FILES
    for lie in ((2**60, start, end), (end - start, 2**60, end), (end - start, start, 2**60)):
        with pytest.raises(CorruptArchive):
            read(with_directory(*lie))
    with pytest.raises(CorruptArchive):
        read(with_directory(end - start, start, end - 1))


def test_i6_two_names_for_one_entry_are_refused(read: Read) -> None:
    packed = zip_of({"a.png": b"x"})
    with pytest.raises(CorruptArchive, match="two names"):
        read(packed.replace(b"a.png", b"b.png", 1))


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_i7_empty_archives_are_empty(pack: Callable[[dict[str, bytes]], bytes], read: Read) -> None:
    assert read(pack({})) == {}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_i13_what_systems_leave_behind_is_not_seen(
    pack: Callable[[dict[str, bytes]], bytes], read: Read
) -> None:
    files = {
        "__MACOSX/cat/._1.png": b"",
        "cat/.DS_Store": b"",
        "cat/Thumbs.db": b"",
        ".hidden/1.png": b"",
        "./cat//1.png": b"1",
    }
    assert read(pack(files)) == {"cat/1.png": b"1"}


def test_an_old_code_page_and_a_missing_utf8_flag_give_names(read: Read) -> None:
    packed = bytearray(zip_of({"ü.png": b"1"}))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = packed.index(signature) + at
        packed[place : place + 2] = b"\0\0"
    assert read(bytes(packed)) == {"ü.png": b"1"}
    assert read(bytes(packed).replace("ü".encode(), b"\x81x")) == {"üx.png": b"1"}


def test_a_zip_of_many_chunks_is_inflated_whole(read: Read) -> None:
    content = os.urandom(1 << 18) + bytes(1 << 18)
    assert read(zip_of({"a.bmp": content})) == {"a.bmp": content}
    assert zlib.crc32(content) == zlib.crc32(read(tar_of({"a.bmp": content}))["a.bmp"])


def test_uploaded_files_come_under_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "000001").write_bytes(b"1")
    (tmp_path / "000002").write_bytes(b"2")
    names = [{"stored": "000001", "name": "cat/1.png"}, {"stored": "000002", "name": ".hidden"}]
    (tmp_path / "names.json").write_text(json.dumps({"files": names}))
    assert {entry.name: entry.read() for entry in entries(tmp_path)} == {"cat/1.png": b"1"}
    names[0]["name"] = "../1.png"
    (tmp_path / "names.json").write_text(json.dumps({"files": names}))
    with pytest.raises(UnsafePath):
        list(entries(tmp_path))


def test_one_uploaded_archive_is_opened(tmp_path: Path) -> None:
    (tmp_path / "000001").write_bytes(zip_of(FILES))
    names = {"files": [{"stored": "000001", "name": "data.zip"}]}
    (tmp_path / "names.json").write_text(json.dumps(names))
    assert {entry.name: entry.read() for entry in entries(tmp_path)} == FILES


def test_a_folder_is_walked_and_its_links_refused(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert {entry.name: entry.read() for entry in entries(tmp_path)} == FILES
    (tmp_path / "cat" / "link.png").symlink_to("/etc/hostname")
    with pytest.raises(UnsafePath, match="link"):
        list(entries(tmp_path))
