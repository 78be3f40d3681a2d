"""Every mode and trick of image files becomes the same plain squares, or a plain reason."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from worker.ingest.pictures import (
    DAMAGED,
    NOT_ACCEPTED,
    TOO_MANY_PIXELS,
    TOO_SMALL,
    TRUNCATED,
    Picture,
    Unreadable,
    decode,
    flatten,
    size_of,
    square,
)

RED = (200, 30, 10)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def picture(image: Image.Image, form: str = "PNG", **options: object) -> Picture:
    return decode(encoded(image, form, **options), (32,))


def noise(width: int = 32, height: int = 32, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def reason(data: bytes, **options: int) -> str:
    with pytest.raises(Unreadable) as refusal:
        decode(data, (32,), **options)
    return str(refusal.value)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


@pytest.mark.parametrize(
    ("form", "options"),
    [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("PNG", {"optimize": True})],
)
def test_lossless_formats_of_the_right_size_come_out_unchanged(
    form: str, options: dict[str, object]
) -> None:
    image = noise()
    result = picture(image, form, **options)
    assert np.array_equal(result.pixels[32], np.asarray(image))
    assert (result.width, result.height, result.mode, result.grey) == (32, 32, "RGB", False)


def test_jpeg_is_decoded() -> None:
    result = picture(Image.new("RGB", (40, 40), RED), "JPEG", quality=95)
    assert np.abs(result.pixels[32].astype(int) - RED).max() < 6


@pytest.mark.parametrize("form", ["GIF", "TIFF", "PPM", "ICO", "PCX", "EPS", "PDF"])
def test_i10_other_formats_are_not_opened(form: str) -> None:
    assert reason(encoded(noise(), form)) == NOT_ACCEPTED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"just text",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'/>",
        b"<html><!-- \x89PNG\r\n\x1a\n -->",
        b"8BPS\0\1" + bytes(100),
        b"SIMPLE  =                    T" + bytes(3000),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n",
    ],
)
def test_i10_files_that_only_claim_to_be_images_are_not_opened(data: bytes) -> None:
    assert reason(data) == NOT_ACCEPTED


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("part", [0.3, 0.7])
def test_i9_truncated_files_are_told(form: str, part: float) -> None:
    data = encoded(noise(64, 64), form)
    assert reason(data[: int(len(data) * part)]) in (TRUNCATED, DAMAGED)


def test_i9_a_truncated_png_is_called_so() -> None:
    data = encoded(noise(64, 64))
    assert reason(data[: len(data) // 2]) == TRUNCATED


def test_i8_pixel_bombs_are_refused_before_they_are_decoded() -> None:
    header = struct.pack(">IIBBBBB", 65_000, 65_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert reason(bomb) == TOO_MANY_PIXELS
    jpeg = bytearray(encoded(noise(), "JPEG"))
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = b"\xff\xdc\xff\xdc"
    assert reason(bytes(jpeg)) == TOO_MANY_PIXELS
    assert reason(encoded(noise(20, 20)), max_pixels=399) == TOO_MANY_PIXELS


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (10_000, 1), (7, 300)])
def test_i11_specks_and_threads_are_too_small(size: tuple[int, int]) -> None:
    assert reason(encoded(Image.new("RGB", size))) == TOO_SMALL


def test_eight_pixels_are_enough() -> None:
    assert picture(noise(8, 9)).pixels[32].shape == (32, 32, 3)


def test_i11_cmyk_becomes_rgb() -> None:
    result = picture(Image.new("RGB", (32, 32), RED).convert("CMYK"), "JPEG", quality=98)
    assert result.mode == "CMYK"
    assert np.abs(result.pixels[32].astype(int) - RED).max() < 8


@pytest.mark.parametrize("value", [0, 1, 128, 129, 256, 257, 30_000, 65_535])
def test_i11_sixteen_bit_grey_is_divided_by_257(value: int) -> None:
    result = picture(Image.fromarray(np.full((32, 32), value, np.uint16)))
    assert result.grey
    assert np.unique(result.pixels[32]).tolist() == [round(value / 257)]


def test_i11_transparency_is_laid_on_white() -> None:
    image = Image.new("RGBA", (32, 32), (*RED, 0))
    image.paste((*RED, 255), (0, 0, 16, 32))
    image.paste((*RED, 128), (8, 0, 16, 32))
    pixels = picture(image).pixels[32]
    assert pixels[0, 0].tolist() == list(RED)
    assert pixels[0, 31].tolist() == [255, 255, 255]
    half = [round(c * 128 / 255 + 255 * 127 / 255) for c in RED]
    assert np.abs(pixels[0, 12].astype(int) - half).max() <= 1


def test_i11_a_palette_with_transparency_is_laid_on_white() -> None:
    image = Image.new("P", (32, 32), 0)
    image.putpalette([*RED, 10, 200, 30])
    image.paste(1, (0, 0, 16, 32))
    pixels = picture(image, transparency=0).pixels[32]
    assert pixels[0, 0].tolist() == [10, 200, 30]
    assert pixels[0, 31].tolist() == [255, 255, 255]
    assert picture(image).pixels[32][0, 31].tolist() == list(RED)


def test_i11_a_transparent_colour_of_an_rgb_file_is_laid_on_white() -> None:
    pixels = picture(Image.new("RGB", (32, 32), RED), transparency=RED).pixels[32]
    assert np.unique(pixels).tolist() == [255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_grey_modes_are_grey(mode: str) -> None:
    result = picture(Image.new(mode, (32, 32)))
    assert result.grey
    assert result.pixels[32].shape == (32, 32, 3)


def test_grey_is_decided_by_pixels_not_by_mode() -> None:
    grey = noise().convert("L").convert("RGB")
    assert picture(grey).grey
    grey.putpixel((5, 5), RED)
    assert not picture(grey).grey


@pytest.mark.parametrize(
    "mode",
    [
        *("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"),
        *("I", "I;16", "I;16B", "I;16L", "F"),
    ],
)
def test_every_mode_of_pillow_has_a_rule(mode: str) -> None:
    assert flatten(Image.new(mode, (9, 9))).mode in ("L", "RGB")


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0)), (6, (0, -1)), (8, (-1, 0))],
)
@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_i11_exif_orientation_is_applied(
    orientation: int, corner: tuple[int, int], form: str
) -> None:
    image = Image.new("RGB", (32, 64), "white")
    image.paste(RED, (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = decode(encoded(image, form, exif=exif, lossless=True), (64,))
    turned = orientation in (6, 8)
    assert (result.width, result.height) == ((64, 32) if turned else (32, 64))
    upright = flatten(image.transpose(_TURNS[orientation]) if orientation > 1 else image)
    assert np.array_equal(result.pixels[64], square(upright, 64))
    assert np.asarray(upright)[corner].tolist() == list(RED)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    6: Image.Transpose.ROTATE_270,
    8: Image.Transpose.ROTATE_90,
}


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_i11_of_an_animation_the_first_frame_counts(form: str) -> None:
    frames = [noise(seed=seed) for seed in range(3)]
    result = picture(frames[0], form, save_all=True, append_images=frames[1:], lossless=True)
    assert np.array_equal(result.pixels[32], np.asarray(frames[0]))


def test_i11_an_icc_profile_changes_nothing() -> None:
    image = noise()
    assert np.array_equal(
        picture(image, icc_profile=b"not a profile").pixels[32], picture(image).pixels[32]
    )


def test_the_middle_square_is_kept() -> None:
    image = Image.new("RGB", (96, 32), "white")
    image.paste(RED, (32, 0, 64, 32))
    assert (picture(image).pixels[32] == RED).all()


def test_each_resolution_is_made_from_the_full_size() -> None:
    image = noise(100, 100)
    result = decode(encoded(image), (32, 64))
    assert np.array_equal(
        result.pixels[32], np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC))
    )
    assert result.pixels[64].shape == (64, 64, 3)


def test_shrinking_does_not_alias() -> None:
    """A fine chessboard becomes even grey, not a pattern."""
    board = np.indices((256, 256)).sum(0) % 2 * 255
    pixels = picture(Image.fromarray(board.astype(np.uint8))).pixels[32]
    assert np.abs(pixels.astype(int) - 127).max() <= 2


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("BMP", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}),
    ],
)
def test_the_size_is_known_without_a_decoder(form: str, options: dict[str, object]) -> None:
    assert size_of(encoded(noise(300, 77), form, **options)) == (300, 77)


SAMPLES = [encoded(noise(16, 16), form) for form in ("PNG", "JPEG", "WEBP", "BMP")]


@settings(max_examples=200, deadline=None)
@given(
    data=st.sampled_from(SAMPLES),
    damage=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5),
)
def test_damaged_bytes_give_a_picture_or_a_reason(
    data: bytes, damage: list[tuple[int, int]]
) -> None:
    content = bytearray(data)
    for place, value in damage:
        content[place % len(content)] = value
    size_of(bytes(content))
    try:
        assert decode(bytes(content), (32,), 10**6).pixels[32].dtype == np.uint8
    except Unreadable as error:
        assert str(error)


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"BM", b"\xff\xd8\xff", b"RIFF1234WEBPVP8X", b""]))
def test_no_header_upsets_the_size(tail: bytes, start: bytes) -> None:
    size = size_of(start + tail)
    assert size is None or min(size) >= 0


def test_running_out_of_memory_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(image: Image.Image) -> Image.Image:
        raise MemoryError

    refuse: Callable[[Image.Image], Image.Image] = out_of_memory
    monkeypatch.setattr("worker.ingest.pictures.flatten", refuse)
    assert "memory" in reason(SAMPLES[0])
