"""Work that is spread over the workers of a Ray cluster, as tasks of the flow that has it.

Every worker needs the platform's code and settings, and Prefect's address in its environment, as this process has them.
"""

import socket
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from prefect import Task, task

from flows.logs import configure_logs
from registry.errors import MissingExtra, RayUnavailable
from registry.libraries import prepare_libraries, show_ray_its_token
from registry.settings import Settings, load_settings

if TYPE_CHECKING:
    from registry.jobs.batch import Looker, Stretch
    from registry.jobs.image_folders import OpenDataset
    from registry.jobs.rooms import JobRooms
    from registry.jobs.video.looking import SegmentAsked, SegmentLooker

Piece = TypeVar("Piece")

THREADS, HERE = "threads", "ray"
_AHEAD = 4  # pieces for each core: one is worked on, the others wait for whoever is free
_A_SECOND = 1.0
_RAY_PORT, _CONNECTS_S = 10_001, 5.0
_HERE = {
    "include_dashboard": False,
    "_node_ip_address": "127.0.0.1",
    "object_store_memory": 128 << 20,  # what goes through Ray's own store are lines of JSON
    "log_to_driver": False,
}


def over_ray(
    settings: Settings, look: "Task[[Piece], Any]"
) -> "Callable[[Sequence[Piece]], Generator[Any, None, None]] | None":
    """Has pieces of work looked at by Ray's workers, a task each; None where everything is done in this process.

    What it gives has what was found in their order, None whenever a second passed without any, and raises
    MissingExtra, RayUnavailable.
    """
    return None if settings.task_runner == THREADS else partial(_spread, settings.task_runner, look)


def _spread(where: str, look: "Task[[Piece], Any]", pieces: "Sequence[Piece]") -> "Generator[Any, None, None]":
    """What nobody waits for any more is cancelled."""
    with _runner(where) as runner:
        import ray

        most = _AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)
        waiting, under_way = deque(pieces), deque[Any]()
        try:
            while waiting or under_way:
                while waiting and len(under_way) < most:
                    under_way.append(runner.submit(look, {"piece": waiting.popleft()}))
                under_way[0].wait(_A_SECOND)
                yield under_way.popleft().result() if under_way[0].state.is_final() else None
        finally:
            for left in under_way:
                ray.cancel(left.wrapped_future)


@contextmanager
def _runner(where: str) -> Iterator[Any]:
    """Prefect's task runner on Ray. Raises MissingExtra, RayUnavailable."""
    if where != HERE:
        show_ray_its_token()
        _check_answers(where)
    try:
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        what = "NEXUSAI_TASK_RUNNER asks for Ray, which is not installed"
        raise MissingExtra(what, hint="pip install 'nexusai[ray]'") from error
    # "local" is a Ray of our own, whatever other one this machine has, or had
    runner = RayTaskRunner(address="local", init_kwargs=_HERE) if where == HERE else RayTaskRunner(address=where)
    with ExitStack() as stack:
        try:
            stack.enter_context(runner)
        except Exception as error:  # Ray raises of every kind
            raise RayUnavailable(f"Ray does not answer ({where}): {str(error)[:200]}") from error
        yield runner


def _check_answers(where: str) -> None:
    """Raise RayUnavailable where nobody listens: Ray itself would go on trying for half a minute."""
    try:
        address = urlsplit(where)
        socket.create_connection((address.hostname or "", address.port or _RAY_PORT), _CONNECTS_S).close()
    except (OSError, ValueError) as error:  # a port that is no number, too
        raise RayUnavailable(f"Ray does not answer ({where}): {str(error)[:200]}") from error


@task(name="stretch", retries=0, persist_result=False)  # Ray itself gives what a dead worker had to another
def look_at_stretch(piece: "Stretch") -> list[dict[str, Any]]:
    """Answer about some images of a batch, in a process that keeps the model for the next."""
    return _looker().look_at(piece)


@task(name="segment", retries=0, persist_result=False)
def look_at_segment(piece: "SegmentAsked") -> bytes:
    """Look at a segment of a video, in a process that keeps the model and the video for the next."""
    return _segment_looker().look_at(piece)


def datasets_of(rooms: "JobRooms") -> "OpenDataset":
    """What opens the datasets of a job's platform."""
    from registry.training.datasets.catalogue import Datasets
    from registry.training.datasets.images import images_of
    from registry.training.datasets.workspace import Workspace

    return images_of(Datasets(rooms.database, Workspace(rooms.settings)))


@cache
def _looker() -> "Looker":
    """What looks at stretches in a worker's process."""
    rooms = _rooms()
    from registry.jobs.batch import Looker

    return Looker(rooms, datasets_of(rooms))


@cache
def _segment_looker() -> "SegmentLooker":
    """What looks at segments in a worker's process."""
    rooms = _rooms()
    from registry.jobs.video.looking import SegmentLooker

    return SegmentLooker(rooms)


@cache
def _rooms() -> "JobRooms":
    """The rooms of a worker's process, opened once."""
    prepare_libraries()
    from registry.jobs.rooms import JobRooms

    settings = load_settings()
    configure_logs(settings.log_level)
    return JobRooms.open(settings)
