"""Several pictures one after the other: each with its own answer, and one that cannot be read stops no other."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from registry.errors import Forbidden, NotFound, NotSignedIn, RegistryError

Result = TypeVar("Result")
_FOR_ALL = (NotSignedIn, Forbidden, NotFound)  # no other picture would fare better


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture and what it is called."""

    name: str
    image: bytes


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What came of one picture: a result, or why there is none."""

    picture: Picture
    result: Result | None
    error: RegistryError | None = None


def each(pictures: Iterable[Picture], work: Callable[[bytes], Result]) -> Iterator[Outcome[Result]]:
    """Do the work on each picture in turn. Raises NotSignedIn, Forbidden and NotFound, which are about all of them."""
    for picture in pictures:
        try:
            yield Outcome(picture, work(picture.image))
        except _FOR_ALL:
            raise
        except RegistryError as error:
            yield Outcome(picture, None, error)
