"""Series of numbers as small SVG charts: attributes only, colours come from the style sheet."""

from collections.abc import Sequence
from html import escape

from app.series import Series, Values

WIDTH, HEIGHT = 320, 150
LEFT, RIGHT, TOP, BOTTOM = 62, 8, 26, 22  # around the plot
Point = tuple[float, float]


def charts(series: Series, most: int) -> list[str]:
    """A chart for each of the first `most` metrics that have at least two values."""
    drawn = [
        chart(name, series.steps, values)
        for name, values in series.series.items()
        if sum(value is not None for value in values.mean) > 1
    ]
    return drawn[:most]


def chart(name: str, steps: Sequence[int], values: Values) -> str:
    """The mean as a line over the steps, and from the lowest to the highest value a band."""
    rows = [
        (step, mean, low, high)
        for step, mean, low, high in zip(steps, values.mean, values.min, values.max, strict=True)
        if mean is not None and low is not None and high is not None
    ]
    low, high = min(row[2] for row in rows), max(row[3] for row in rows)
    first, last = rows[0][0], rows[-1][0]

    def place(step: float, value: float) -> Point:
        across = (step - first) / (last - first or 1)
        up = (value - low) / (high - low) if high > low else 0.5
        x = LEFT + across * (WIDTH - LEFT - RIGHT)
        return x, HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    band = [place(row[0], row[3]) for row in rows] + [place(row[0], row[2]) for row in rows[::-1]]
    line = [place(row[0], row[1]) for row in rows]
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)}">'
        f'<text class="name" x="{LEFT}" y="16">{escape(name)}</text>'
        f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>'
        f'<polygon class="band" points="{_points(band)}"/>'
        f'<polyline class="line" points="{_points(line)}"/>'
        f'<text x="{LEFT - 4}" y="{TOP + 8}" text-anchor="end">{number(high)}</text>'
        f'<text x="{LEFT - 4}" y="{bottom}" text-anchor="end">{number(low)}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{first}</text>'
        f'<text x="{right}" y="{HEIGHT - 6}" text-anchor="end">step {last}</text></svg>'
    )


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3g}"


def _points(places: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
