"""Seeds as clients write them: an integer 0..2^32-1, or any other text.

The mapping to noise is frozen (worker/latents.py); here only the two kinds are told apart.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from core.errors import Invalid
from core.schemas import MAX_SEED

MAX_TEXT = 256
_NUMBER = re.compile(r"[-+]?[0-9]{1,4}(?:\.[0-9]{0,20})?(?:e-[0-9]{1,3})?")
_RANGE = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")


def parse_seed(text: str, field: str = "seed") -> int | str:
    """`"42"` is the integer 42, `"alice"` a name. Integers out of range are refused, not hashed."""
    sign, digits = (text[0], text[1:]) if text[:1] in ("-", "+") else ("", text)
    if digits.isascii() and digits.isdigit():
        if sign == "-" or len(digits) > 10 or int(digits) > MAX_SEED:
            raise _refused(field, f"an integer seed is 0 to {MAX_SEED}")
        return int(digits)
    if not text or len(text) > MAX_TEXT or "\x00" in text:
        raise _refused(
            field, f"a seed that is not an integer is a text of 1 to {MAX_TEXT} characters"
        )
    return text


def parse_seeds(text: str, most: int) -> list[int]:
    """StyleGAN's list syntax: `0,1,4-6` is 0, 1, 4, 5, 6."""
    seeds: list[int] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise _refused("seeds", "write integers and ranges, such as 0,1,4-6")
        start = _integer(found[1])
        end = _integer(found[2] or found[1])
        if end < start or len(seeds) + end - start + 1 > most:
            raise _refused("seeds", f"a range runs upwards, and there are at most {most} seeds")
        seeds.extend(range(start, end + 1))
    return seeds


def listed(seeds: Sequence[int | str]) -> str:
    """The same seeds in that syntax; texts stand as they are."""
    runs: list[list[int | str]] = []
    for seed in seeds:
        if runs and isinstance(seed, int) and runs[-1][-1] == seed - 1:
            runs[-1] = [runs[-1][0], seed]
        else:
            runs.append([seed])
    return ",".join("-".join(map(str, run)) for run in runs)


def parse_blend(text: str, parts: int, most: float) -> tuple[list[int | str], list[float]]:
    """`42:1,alice:-0.5`: seeds, and how much each weighs; texts with a comma cannot be written."""
    seeds: list[int | str] = []
    weights: list[float] = []
    for part in text.split(","):
        seed, colon, weight = part.strip().rpartition(":")
        if not colon or not _NUMBER.fullmatch(weight) or abs(float(weight)) > most:
            raise _refused(
                "blend", f"write SEED:WEIGHT,SEED:WEIGHT with weights from {-most:g} to {most:g}"
            )
        seeds.append(parse_seed(seed, "blend"))
        weights.append(float(weight) + 0.0)
    if len(seeds) > parts or len(set(seeds)) < len(seeds) or not any(weights):
        told = f"a blend has at most {parts} seeds, each once, and not all of them weigh nothing"
        raise _refused("blend", told)
    return seeds, weights


def label_of_seed(seed: int | str, classes: int) -> int:
    """The class that a seed means on a labelled model when the request names none (frozen)."""
    digest = hashlib.sha256(f"label:{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "little") % classes


def combination_of_seed(seed: int | str, counts: Sequence[int]) -> int:
    """Which of the combinations that occur so often a seed means on a model with attributes, when
    the request names none (frozen): the one in whose share of all of them its number falls."""
    place = label_of_seed(seed, sum(counts))
    return bisect_right([*accumulate(counts)], place)


def _integer(digits: str) -> int:
    if int(digits) > MAX_SEED:
        raise _refused("seeds", f"an integer seed is 0 to {MAX_SEED}")
    return int(digits)


def _refused(field: str, detail: str) -> Invalid:
    message = detail[0].upper() + detail[1:] + "."
    return Invalid(message, errors=[{"pointer": f"#/query/{field}", "message": message}])
