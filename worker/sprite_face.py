"""Eyes, mouths, cheeks and what the creatures of `worker/sprites.py` wear: one function each."""

from collections.abc import Callable

from worker.sprite_parts import INK, WHITE, Body, Colour, Oval, Part, Pen, Point, Spike, mix

Paint = Callable[[Pen, Body], None]

_ROSE: Colour = (240, 96, 120)
_MOUTH: Colour = (128, 44, 64)
_GOLD: Colour = (255, 202, 70)
_LEAF: Colour = (110, 190, 90)
_VIOLET: Colour = (124, 108, 214)


def _outlined(pen: Pen, parts: tuple[Part, ...], fill: Colour) -> None:
    for part in parts:
        part.draw(pen, mix(fill, INK, 0.62), grow=1.5)
    for part in parts:
        part.draw(pen, fill)


# --- eyes ---------------------------------------------------------------------------------


def _places(body: Body) -> tuple[Point, Point]:
    apart, height = body.eyes
    return (50 - apart, height), (50 + apart, height)


def _round(pen: Pen, x: float, y: float) -> None:
    pen.oval(x, y, 5.4, 6.4, INK)
    pen.oval(x - 1.6, y - 2.4, 2.1, 2.3, WHITE)


def _smiling(pen: Pen, x: float, y: float) -> None:
    pen.arc(x, y + 3, (6.2, 6.6), (195, 345), 2.7, INK)


def _round_eyes(pen: Pen, body: Body, colour: Colour) -> None:
    for place in _places(body):
        _round(pen, *place)


def _happy_eyes(pen: Pen, body: Body, colour: Colour) -> None:
    for place in _places(body):
        _smiling(pen, *place)


def _sleepy_eyes(pen: Pen, body: Body, colour: Colour) -> None:
    for x, y in _places(body):
        pen.arc(x, y - 2, (6.4, 5.6), (10, 170), 2.7, INK)
        for side in (-1, 1):
            pen.spike(((x + 4.6 * side, y + 1.6), (x + 6.6 * side, y + 3.6)), 0.8, INK)


def _wide_eyes(pen: Pen, body: Body, colour: Colour) -> None:
    for x, y in _places(body):
        pen.oval(x, y, 9.2, 9.2, mix(colour, INK, 0.62))
        pen.oval(x, y, 7.8, 7.8, WHITE)
        pen.oval(x, y + 0.6, 3.9, 4.3, INK)
        pen.oval(x - 1.2, y - 1, 1.3, 1.3, WHITE)


def _winking_eyes(pen: Pen, body: Body, colour: Colour) -> None:
    left, right = _places(body)
    _round(pen, *left)
    _smiling(pen, *right)


EYES: dict[str, Callable[[Pen, Body, Colour], None]] = {
    "round": _round_eyes,
    "happy": _happy_eyes,
    "sleepy": _sleepy_eyes,
    "wide": _wide_eyes,
    "winking": _winking_eyes,
}


# --- mouths and cheeks --------------------------------------------------------------------


def _smile(pen: Pen, body: Body) -> None:
    pen.arc(50, body.mouth - 3.4, (7.5, 6.4), (15, 165), 2.4, INK)


def _grin(pen: Pen, body: Body) -> None:
    y = body.mouth - 2.5
    pen.chord(50, y, (9.6, 10.4), (0, 180), INK)
    pen.chord(50, y + 1.3, (7.6, 7.6), (0, 180), _MOUTH)
    pen.oval(50, y + 6.6, 4.2, 2.2, _ROSE)


def _gasp(pen: Pen, body: Body) -> None:
    pen.oval(50, body.mouth + 1, 4.6, 5.4, INK)
    pen.oval(50, body.mouth + 1.6, 2.8, 3.4, _MOUTH)


def _tongue(pen: Pen, body: Body) -> None:
    y = body.mouth
    pen.plate((45.6, y + 0.6, 54.4, y + 9.4), 4.3, mix(_ROSE, INK, 0.62))
    pen.plate((47, y + 0.6, 53, y + 8), 3, _ROSE)
    pen.arc(50, y - 4.6, (8.5, 6.4), (10, 170), 2.4, INK)


def _pout(pen: Pen, body: Body) -> None:
    pen.arc(50, body.mouth + 5, (6.6, 5.8), (195, 345), 2.4, INK)


MOUTHS: dict[str, Paint] = {
    "smile": _smile,
    "grin": _grin,
    "gasp": _gasp,
    "tongue": _tongue,
    "pout": _pout,
}


def blush(pen: Pen, body: Body, colour: Colour) -> None:
    """Rosy cheeks outside the mouth, below the eyes; pale ones on a body that is itself red."""
    reddish = colour[0] > 235 and colour[1] < 165
    fill = mix(colour, WHITE, 0.45) if reddish else mix(colour, (255, 110, 130), 0.72)
    for x in (27.5, 72.5):
        pen.oval(x, body.mouth - 0.5, 5.2, 3.6, fill)


# --- accessories --------------------------------------------------------------------------


def _nothing(pen: Pen, body: Body) -> None:
    """The head stays bare."""


def _bow(pen: Pen, body: Body) -> None:
    x, y = 100 - body.temple[0], body.temple[1]
    wings = (
        Spike(((x, y), (x - 9, y - 5), (x - 9, y + 5)), 2.6),
        Spike(((x, y), (x + 9, y - 5), (x + 9, y + 5)), 2.6),
    )
    _outlined(pen, wings, _ROSE)
    _outlined(pen, (Oval(x, y, 3.4, 3.6),), mix(_ROSE, WHITE, 0.35))


def _hat(pen: Pen, body: Body) -> None:
    y = body.top
    _outlined(pen, (Spike(((39, y + 2), (50, y - 12.5), (61, y + 2)), 2),), _VIOLET)
    for at, half in ((-2.0, 6.4), (-7.2, 2.6)):
        pen.spike(((50 - half, y + at), (50 + half, y + at)), 1.2, _GOLD)
    _outlined(pen, (Oval(50, y - 14.5, 3.6, 3.6),), _GOLD)


def _crown(pen: Pen, body: Body) -> None:
    y = body.top
    points = ((38, y - 9.5), (44.5, y - 4.5), (50, y - 11.5), (55.5, y - 4.5), (62, y - 9.5))
    _outlined(pen, (Spike(((39.5, y + 3), *points, (60.5, y + 3)), 1.4),), _GOLD)
    pen.oval(50, y - 0.5, 2.2, 2.2, _ROSE)
    for x in (43, 57):
        pen.oval(x, y - 0.2, 1.5, 1.5, WHITE)


def _flower(pen: Pen, body: Body) -> None:
    x, y = body.temple
    around = ((0, -5.6), (5.4, -1.7), (3.3, 4.6), (-3.3, 4.6), (-5.4, -1.7))
    _outlined(pen, tuple(Oval(x + dx, y + dy, 3.9, 3.9) for dx, dy in around), WHITE)
    pen.oval(x, y, 3.6, 3.6, _GOLD)


def _sprout(pen: Pen, body: Body) -> None:
    y = body.top
    stem = Spike(((50, y + 1), (50, y - 7)), 1.3)
    leaves = (
        Spike(((50, y - 7), (43, y - 13.5), (38.5, y - 12), (42, y - 8)), 2.2),
        Spike(((50, y - 7), (57, y - 13.5), (61.5, y - 12), (58, y - 8)), 2.2),
    )
    _outlined(pen, (stem, *leaves), _LEAF)


ACCESSORIES: dict[str, Paint] = {
    "none": _nothing,
    "bow": _bow,
    "party hat": _hat,
    "crown": _crown,
    "flower": _flower,
    "sprout": _sprout,
}
