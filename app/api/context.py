"""What every route starts from: the platform, the one who asks, the page that was asked for."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request

from app.platform import Platform
from registry.access.actor import ANONYMOUS, Actor

T = TypeVar("T")


async def _platform(request: Request) -> Platform:
    found: Platform = request.app.state.platform
    return found


async def _actor(request: Request) -> Actor:
    return getattr(request.state, "actor", ANONYMOUS)


async def _page(
    page: Annotated[int, Query(ge=1, le=100_000, description="page number, from 1")] = 1,
    size: Annotated[int, Query(ge=1, le=200, description="items on a page")] = 50,
) -> tuple[int, int]:
    return page, size


Rooms = Annotated[Platform, Depends(_platform)]
Caller = Annotated[Actor, Depends(_actor)]
Paging = Annotated[tuple[int, int], Depends(_page)]


def listing(items: list[dict[str, object]], total: int, paging: tuple[int, int]) -> dict[str, object]:
    """One page of a list, as the HTTP contract has it."""
    return {"items": items, "total": total, "page": paging[0], "size": paging[1]}


def whole(items: Sequence[Any]) -> dict[str, object]:
    """A short list on one page."""
    return listing(list(items), len(items), (1, len(items)))


def cut(found: Sequence[T], paging: tuple[int, int], show: Callable[[T], Any]) -> dict[str, object]:
    """One page of a list that is at hand as a whole; only what is on the page is made to be shown."""
    number, size = paging
    return listing([show(each) for each in found[(number - 1) * size : number * size]], len(found), paging)
