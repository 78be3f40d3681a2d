"""The parts the creatures of `worker/sprites.py` are put together from: pen, bodies, palette.

Lengths are hundredths of the picture's side, x to the right and y down. A body is a union of
simple parts, each drawn twice: grown by the width of the outline, then in its own size, so that
the outline runs around the union and not around every part.
"""

from dataclasses import dataclass, field

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

INK: Colour = (62, 48, 66)
WHITE: Colour = (255, 253, 248)
CREAM: Colour = (255, 240, 208)

BODY: dict[str, Colour] = {
    "red": (238, 108, 104),
    "orange": (247, 160, 88),
    "yellow": (250, 209, 92),
    "green": (134, 200, 118),
    "teal": (78, 186, 178),
    "blue": (108, 160, 232),
    "purple": (172, 138, 222),
    "pink": (246, 156, 190),
}
GROUND: dict[str, Colour] = {
    "cream": (255, 246, 226),
    "rose": (255, 220, 222),
    "mint": (208, 240, 220),
    "sky": (206, 232, 252),
    "lilac": (230, 220, 250),
    "navy": (64, 74, 116),
}


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with a `share` (0..1) of `other` stirred in."""
    r, g, b = (round(a + (o - a) * share) for a, o in zip(colour, other, strict=True))
    return r, g, b


class Pen:
    """Draws on one picture in hundredths, moved by (`dx`, `dy`) and zoomed about the middle."""

    def __init__(self, image: Image.Image, *, zoom: float, dx: float, dy: float) -> None:
        self.drawing = ImageDraw.Draw(image)
        self.unit = image.width / 100 * zoom
        self.left = image.width * (0.5 + dx / 100) - 50 * self.unit
        self.top = image.height * (0.5 + dy / 100) - 50 * self.unit

    def at(self, x: float, y: float) -> Point:
        return self.left + x * self.unit, self.top + y * self.unit

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour | int) -> None:
        box = (*self.at(x - rx, y - ry), *self.at(x + rx, y + ry))
        self.drawing.ellipse(box, fill=fill)

    def plate(self, box: tuple[float, float, float, float], r: float, fill: Colour | int) -> None:
        corners = (*self.at(*box[:2]), *self.at(*box[2:]))
        self.drawing.rounded_rectangle(corners, radius=r * self.unit, fill=fill)

    def spike(self, points: tuple[Point, ...], r: float, fill: Colour | int) -> None:
        """A polygon with corners and edges rounded by the radius `r`; two points make a bar."""
        corners = [self.at(*point) for point in points]
        if len(corners) > 2:
            self.drawing.polygon(corners, fill=fill)
        self.drawing.line([*corners, corners[0]], fill=fill, width=round(2 * r * self.unit))
        for x, y in points:
            self.oval(x, y, r, r, fill)

    def arc(self, x: float, y: float, r: Point, ends: Point, width: float, fill: Colour) -> None:
        """A part of an ellipse's line; `ends` in degrees, clockwise from the right."""
        rx, ry = r
        box = (*self.at(x - rx, y - ry), *self.at(x + rx, y + ry))
        self.drawing.arc(box, *ends, fill=fill, width=round(width * self.unit))

    def chord(self, x: float, y: float, r: Point, ends: Point, fill: Colour) -> None:
        rx, ry = r
        box = (*self.at(x - rx, y - ry), *self.at(x + rx, y + ry))
        self.drawing.chord(box, *ends, fill=fill)


@dataclass(frozen=True)
class Oval:
    x: float
    y: float
    rx: float
    ry: float

    def draw(self, pen: Pen, fill: Colour | int, grow: float = 0) -> None:
        pen.oval(self.x, self.y, self.rx + grow, self.ry + grow, fill)


@dataclass(frozen=True)
class Plate:
    box: tuple[float, float, float, float]
    r: float

    def draw(self, pen: Pen, fill: Colour | int, grow: float = 0) -> None:
        x0, y0, x1, y1 = self.box
        pen.plate((x0 - grow, y0 - grow, x1 + grow, y1 + grow), self.r + grow, fill)


@dataclass(frozen=True)
class Spike:
    points: tuple[Point, ...]
    r: float

    def draw(self, pen: Pen, fill: Colour | int, grow: float = 0) -> None:
        pen.spike(self.points, self.r + grow, fill)


Part = Oval | Plate | Spike


def pair(part: Part) -> tuple[Part, Part]:
    """A part and its mirror image."""
    if isinstance(part, Oval):
        return part, Oval(100 - part.x, part.y, part.rx, part.ry)
    if isinstance(part, Plate):
        x0, y0, x1, y1 = part.box
        return part, Plate((100 - x1, y0, 100 - x0, y1), part.r)
    return part, Spike(tuple((100 - x, y) for x, y in part.points), part.r)


@dataclass(frozen=True, kw_only=True)
class Body:
    """One kind of creature: its outline, what is painted on it, and where the face sits."""

    outline: tuple[Part, ...]
    light: tuple[Part, ...] = ()  # in a light tint of the body's colour
    dark: tuple[Part, ...] = ()  # in a dark one
    ivory: tuple[Part, ...] = field(default=())  # horns and the like, behind the body
    eyes: Point = (13, 54)  # distance from the middle, height
    mouth: float = 66
    top: float = 30  # where a hat stands
    temple: Point = (29, 37)  # where a flower is worn, mirrored for a bow


_FEET = pair(Oval(37, 86, 9.5, 5))

BODIES: dict[str, Body] = {
    "bear": Body(
        outline=(*pair(Oval(27, 33, 11, 11)), *_FEET, Oval(50, 58, 32, 28)),
        light=(*pair(Oval(27, 33, 6, 6)), Oval(50, 68, 14.5, 11)),
        temple=(28, 38),
        top=31,
    ),
    "bunny": Body(
        outline=(
            *pair(Spike(((38, 42), (35, 16)), 7.5)),
            *_FEET,
            Oval(50, 62, 29, 25),
        ),
        light=(*pair(Spike(((38, 38), (35.6, 18)), 3.4)), Oval(50, 72, 13, 9)),
        eyes=(12.5, 58),
        mouth=69.5,
        top=39,
        temple=(31, 45),
    ),
    "cat": Body(
        outline=(*pair(Spike(((24, 46), (22, 24), (42, 36)), 4)), *_FEET, Oval(50, 59, 33, 27)),
        light=(*pair(Spike(((27, 42), (25.5, 29.5), (36, 36)), 1.5)),),
        dark=(
            *pair(Spike(((14, 60), (25, 62)), 0.8)),
            *pair(Spike(((14, 68), (25, 67)), 0.8)),
        ),
        eyes=(13.5, 55),
        mouth=67,
        top=33,
        temple=(30, 38),
    ),
    "dragon": Body(
        outline=(
            *pair(Spike(((26, 64), (12, 48), (11, 58), (15, 66)), 3)),
            *_FEET,
            Oval(50, 59, 30, 27),
        ),
        light=(Oval(50, 75, 15, 9),),
        dark=(*pair(Oval(46.8, 62.5, 1.1, 1.3)),),
        ivory=(*pair(Spike(((31, 40), (25, 22), (39, 35)), 3)),),
        mouth=69,
        top=33,
        temple=(26, 40),
    ),
    "frog": Body(
        outline=(*pair(Oval(31, 40, 13, 13)), *_FEET, Oval(50, 63, 35, 24)),
        light=(Oval(50, 76, 19, 9),),
        dark=(*pair(Oval(46.5, 57, 1.1, 1.3)),),
        eyes=(19.5, 40.5),
        mouth=66,
        top=45,
        temple=(20, 31),
    ),
    "ghost": Body(
        outline=(
            Oval(50, 51, 28, 27),
            Plate((22, 50, 78, 80), 4),
            *pair(Oval(31, 80, 9.2, 8)),
            Oval(50, 80, 9.6, 8),
            *pair(Spike(((22, 67), (14, 61)), 4.5)),
        ),
        light=(Oval(38, 34.5, 6, 3.6),),
        eyes=(12, 51),
        mouth=63,
        top=25,
        temple=(29, 33),
    ),
    "octopus": Body(
        outline=(
            Oval(50, 50, 30, 26),
            *pair(Spike(((30, 62), (18, 78), (11, 76)), 5)),
            *pair(Spike(((38, 66), (32, 84)), 6)),
            Spike(((46, 66), (50, 86), (54, 66)), 5),
        ),
        light=(*pair(Oval(32, 82, 2.4, 2.4)), Oval(50, 84, 2.4, 2.4), *pair(Oval(16, 77, 2, 2))),
        eyes=(13, 50),
        mouth=62,
        top=25,
        temple=(28, 33),
    ),
    "robot": Body(
        outline=(
            *pair(Plate((12, 48, 28, 66), 4)),
            *pair(Plate((29, 74, 45, 90), 4)),
            Plate((20, 30, 80, 83), 10),
        ),
        light=(Plate((27, 38, 73, 75), 8),),
        dark=(*pair(Oval(23.6, 78.6, 1.2, 1.2)), *pair(Oval(23.6, 34.6, 1.2, 1.2))),
        mouth=66,
        top=30,
        temple=(28, 32),
    ),
}
