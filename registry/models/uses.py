"""What works with a model at the moment: cameras that look with it, jobs that have not ended, schedules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from registry.records import Database, Job, camera_list, jobs, schedules


@dataclass(frozen=True, slots=True)
class Use:
    """Something that works with a model; without alias and version, with its champion or its newest version."""

    words: str
    alias: str = ""
    version: int | None = None


Uses = Callable[[str], Sequence[Use]]  # by the name of the model


def nothing(_name: str) -> Sequence[Use]:
    """Nothing works with any model."""
    return ()


def uses_in(database: Database) -> Uses:
    """What the records know of."""

    def find(name: str) -> Sequence[Use]:
        with database.read() as session:
            cameras = camera_list.that_use(session, name)
            running = jobs.unfinished_with_model(session, name)
            planned = [
                each for each in schedules.every(session) if each.active and each.parameters.get("model") == name
            ]
        looking = [Use(f"camera {each.name!r}", each.alias, _whole(each.version)) for each in cameras]
        working = [
            Use(f"{each.kind} job {each.id[:8]} of {each.owner_name}", version=_version_of(each, name))
            for each in running
        ]
        coming = [
            Use(f"schedule {each.name!r} of {each.owner_name}", str(each.parameters.get("alias") or ""))
            for each in planned
        ]
        return [*looking, *working, *coming]

    return find


def _version_of(job: Job, name: str) -> int | None:
    """The version of the model that a job works with, where it names one."""
    parent, _, number = str(job.parameters.get("parent", "")).partition("/")
    if parent == name:
        return _whole(number)
    version = job.parameters.get("version")
    return version if isinstance(version, int) else None


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
