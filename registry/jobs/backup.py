"""A backup as a job."""

from registry.access import Action, require
from registry.access.trail import trace
from registry.jobs.backups import Backups
from registry.jobs.care_parameters import BackupParameters
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, Result
from registry.sizes import bytes_text


def back_up(run: JobRun, rooms: JobRooms) -> Result:
    """Make a backup, one however often it is killed, and keep its manifest as the job's result.

    Raises Forbidden, and what `Backups.make` does.
    """
    actor, wanted = run.owner(), BackupParameters.model_validate(run.parameters)
    require(actor, Action.CARE_FOR_PLATFORM)

    def tell(text: str) -> None:
        run.check()
        run.progress(min(run.done + 30, 90), 100, text)

    made = Backups(rooms.settings, rooms.database, rooms.storage).make(wanted.keep, tell, mark=run.job_id[:8])
    with rooms.database.write() as session:
        trace(session, actor, "platform.backup", f"backup:{made.name}", {"bytes": made.size_bytes})
    key, text = f"{run.ticket}/backup.json", made.model_dump_json(indent=2)
    size = run.files.put("results", key, text.encode())
    run.progress(100, 100, "")
    verdict = f"Backup {made.name}: {len(made.files)} databases, {bytes_text(made.size_bytes)}."
    return {"verdict": verdict, "backup": made.name, "files": [{"name": "backup.json", "key": key, "size_bytes": size}]}
