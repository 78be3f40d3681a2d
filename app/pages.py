"""Lists: newest first, continued with `?after=last_id`."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from fastapi import Request, Response

from core.errors import Invalid
from core.schemas import Page

T = TypeVar("T")


def after_cursor(items: Sequence[T], key: Callable[[T], str], after: str | None) -> Sequence[T]:
    """The items behind the one named `after`. Raises Invalid when there is none of that name."""
    if after is None:
        return items
    for index, item in enumerate(items):
        if key(item) == after:
            return items[index + 1 :]
    message = "The cursor names nothing in this list (any more); begin again without it."
    raise Invalid(message, errors=[{"pointer": "#/query/after", "message": message}])


def page(
    request: Request,
    response: Response,
    found: Sequence[T],
    limit: int,
    key: Callable[[T], str],
    reached: str | None = None,
) -> Page[T]:
    """The first `limit` of `found` as a page, and the address of the next one in `Link`.

    reached: where a search stopped that had not found more, and goes on.
    """
    data = list(found[:limit])
    last = key(data[-1]) if data else None
    if len(found) <= limit and reached is not None:
        last = reached
    more = len(found) > limit or reached is not None
    if more:
        url = request.url.include_query_params(after=last)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return Page(data=data, first_id=key(data[0]) if data else None, last_id=last, has_more=more)
