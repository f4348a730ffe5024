"""Work that is spread over the workers of a Ray cluster, as tasks of the flow that has it.

Every worker needs the platform's code and settings, and Prefect's address in its environment, as this process has them.
"""

from collections import deque
from collections.abc import Generator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.task_runners import TaskRunner

from flows.logs import configure_logs
from registry.libraries import prepare_libraries
from registry.settings import Settings, load_settings

if TYPE_CHECKING:
    from registry.jobs.batch import Stretch
    from registry.jobs.image_folders import OpenDataset
    from registry.jobs.rooms import JobRooms

THREADS, HERE = "threads", "ray"
_AHEAD = 4  # stretches for each core: one is worked on, the others wait for whoever is free
_A_SECOND = 1.0
_OBJECTS_BYTES = 128 << 20  # Ray's own store: what goes through it are lines of JSON


def on_ray(settings: Settings) -> bool:
    """Whether work is to be spread over Ray's workers."""
    return settings.task_runner != THREADS


def ray_runner(settings: Settings) -> TaskRunner[Any] | None:
    """Prefect's way to Ray, None where nothing is spread. Raises MissingExtra."""
    if not on_ray(settings):
        return None
    try:
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        from registry.errors import MissingExtra

        raise MissingExtra(
            "NEXUSAI_TASK_RUNNER asks for Ray, which is not installed", hint="pip install 'nexusai[ray]'"
        ) from error
    if settings.task_runner != HERE:
        there: TaskRunner[Any] = RayTaskRunner(address=settings.task_runner)
        return there
    init = {
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "object_store_memory": _OBJECTS_BYTES,
        "log_to_driver": False,
    }
    here: TaskRunner[Any] = RayTaskRunner(init_kwargs=init)
    return here


def look_elsewhere(stretches: Sequence["Stretch"]) -> Generator[list[dict[str, Any]] | None, None, None]:
    """See `registry.jobs.batch.Spread`; what nobody waits for any more is cancelled."""
    import ray

    most = _AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)
    waiting, under_way = deque(stretches), deque[Any]()
    try:
        while waiting or under_way:
            while waiting and len(under_way) < most:
                under_way.append(look_at_stretch.submit(waiting.popleft()))
            under_way[0].wait(_A_SECOND)
            yield under_way.popleft().result() if under_way[0].state.is_final() else None
    finally:
        for left in under_way:
            ray.cancel(left.wrapped_future)


@task(name="stretch", retries=0, persist_result=False)  # Ray itself gives what a dead worker had to another
def look_at_stretch(stretch: "Stretch") -> list[dict[str, Any]]:
    """Answer about some images of a batch, in a process that keeps the model for the next."""
    from registry.jobs.batch import look_at

    rooms = _rooms()
    return look_at(stretch, rooms, datasets_of(rooms))


def datasets_of(rooms: "JobRooms") -> "OpenDataset":
    """What opens the datasets of a job's platform."""
    from registry.training.datasets.catalogue import Datasets
    from registry.training.datasets.images import images_of
    from registry.training.datasets.workspace import Workspace

    return images_of(Datasets(rooms.database, Workspace(rooms.settings)))


@cache
def _rooms() -> "JobRooms":
    """The rooms of a worker's process, opened once."""
    prepare_libraries()
    from registry.jobs.rooms import JobRooms

    settings = load_settings()
    configure_logs(settings.log_level)
    return JobRooms.open(settings)
