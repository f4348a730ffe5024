"""Starting clean-ups and backups as jobs."""

from sqlmodel import Session

from registry.access import Action, Actor, require
from registry.errors import Conflict
from registry.jobs.care_parameters import BackupParameters, CleanParameters
from registry.jobs.jobs import Jobs
from registry.jobs.kinds import BACKUP, CLEAN
from registry.records import Job, jobs


class Caring:
    """The way in for the care of one platform; only administrators may."""

    def __init__(self, started: Jobs) -> None:
        self._jobs = started

    def check(self, actor: Actor) -> None:
        """Raise Forbidden or TooManyRequests where the actor may not."""
        require(actor, Action.CARE_FOR_PLATFORM)
        self._jobs.check_room(actor)

    def clean(self, actor: Actor, wanted: CleanParameters, key: str | None = None) -> Job:
        """Queue a clean-up. Raises Forbidden, TooManyRequests, Conflict where one has not ended yet."""
        self.check(actor)

        def refuse(session: Session) -> None:
            for job in jobs.unfinished(session, CLEAN.name):
                if key is None or job.idempotency_key != key:
                    raise Conflict(
                        f"a clean-up is {job.state} already, started by {job.owner_name}",
                        hint="Wait until it has ended, or cancel it.",
                        details={"job": job.id},
                    )

        return self._jobs.start_unless(actor, CLEAN.name, wanted, refuse, key)

    def back_up(self, actor: Actor, wanted: BackupParameters, key: str | None = None) -> Job:
        """Queue a backup. Raises Forbidden, TooManyRequests."""
        self.check(actor)
        return self._jobs.start(actor, BACKUP.name, wanted, key=key, total=100)
