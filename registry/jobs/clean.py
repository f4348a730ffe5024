"""A clean-up: everything in CLEANERS one after the other, with a report of what went or would go."""

import json

from registry.access import Action, require
from registry.access.trail import trace
from registry.jobs.belonging import check_belongs
from registry.jobs.care_parameters import CleanParameters
from registry.jobs.cleaners import CLEANERS
from registry.jobs.cleaning import Cleaning
from registry.jobs.in_mlflow import keep_in_mlflow, note_in_mlflow
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, Result
from registry.records import utc_now
from registry.sizes import bytes_text

REPORT = "clean-up.json"


def clean(run: JobRun, rooms: JobRooms) -> Result:
    """Count what is old, and remove it unless it is a dry run. Killed, it begins anew: what is gone is not counted.

    Raises JobCancelled, Forbidden where its owner may not any more, Conflict where the storage belongs to other
    records, StorageUnavailable, DatabaseUnavailable.
    """
    actor, wanted = run.owner(), CleanParameters.model_validate(run.parameters)
    require(actor, Action.CARE_FOR_PLATFORM)
    check_belongs(rooms.database, rooms.storage)
    cleaning, cleaned = Cleaning(run, rooms, wanted, utc_now()), []
    for number, cleaner in enumerate(CLEANERS):
        run.check()
        run.progress(100 * number // len(CLEANERS), 100, cleaner.title)
        tally = cleaner.clean(cleaning)
        cleaned.append({"name": cleaner.name, "title": cleaner.title, "count": tally.count, "bytes": tally.bytes})
    count, size = sum(int(each["count"]) for each in cleaned), sum(int(each["bytes"]) for each in cleaned)  # type: ignore[call-overload]
    report = {"dry_run": wanted.dry_run, "count": count, "bytes": size, "cleaned": cleaned}
    if not wanted.dry_run:
        with rooms.database.write() as session:
            told = {str(each["name"]): each["count"] for each in cleaned if each["count"]}
            trace(session, actor, "platform.clean", f"job:{run.job_id}", {**told, "bytes": size})
    key = f"{run.ticket}/{REPORT}"
    text = json.dumps(report, indent=2)
    stored = run.files.put("results", key, text.encode())
    note_in_mlflow(rooms.models, run, {"count": float(count), "bytes": float(size)})
    keep_in_mlflow(rooms.models, run, {REPORT: text})
    run.progress(100, 100, "")
    verb = "would go" if wanted.dry_run else "went"
    of_files = f", {bytes_text(size)} of files among them" if size else ""
    things = f"{count:,} thing{'' if count == 1 else 's'}"
    verdict = f"{things} {verb}{of_files}." if count else "There was nothing old."
    return {**report, "verdict": verdict, "files": [{"name": REPORT, "key": key, "size_bytes": stored}]}
