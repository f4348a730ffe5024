"""A schedule's run in Prefect: it says which job the schedule started then."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas import State
from prefect.context import get_run_context
from prefect.states import Completed, Failed

from registry.records import Schedule, open_database
from registry.settings import load_settings

_PATIENCE_S = 60.0
_EARLY = timedelta(seconds=30)


@flow(name="schedules", retries=0)
def schedules(schedule_id: str) -> State[Any]:
    """Wait until the runner has started the schedule's job, and name it."""
    expected = getattr(get_run_context(), "flow_run", None)
    at = getattr(expected, "expected_start_time", None) or datetime.now(UTC)
    database = open_database(load_settings().records_url)
    deadline = time.monotonic() + _PATIENCE_S
    try:
        while time.monotonic() < deadline:
            with database.read() as session:
                found = session.get(Schedule, schedule_id)
            if found is None or not found.active:
                return Failed(message=found.problem if found else "the schedule was deleted")
            if found.last_at is not None and found.last_at >= at - _EARLY:
                return Completed(message=f"job {found.last_job_id} was started")
            if found.problem and found.next_at and found.next_at > at:
                return Failed(message=found.problem)
            time.sleep(1)
    finally:
        database.close()
    return Failed(message="the runner did not start the schedule's job yet; it tries on")
