"""Clean-ups and backups, started now; schedules start them at times that come again."""

from typing import Annotated

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse

from app.api.context import Caller, Rooms
from app.api.jobs import JobOut, accepted
from registry.jobs.care_parameters import BackupParameters, CleanParameters

router = APIRouter(prefix="/care", tags=["care"])


@router.post("/clean", status_code=202, response_model=JobOut, responses={409: {}})
def start_clean_up(
    request: Request, rooms: Rooms, caller: Caller, wanted: Annotated[CleanParameters | None, Body()] = None
) -> JSONResponse:
    """Count what is old, or with `dry_run: false` remove it, as a job; administrators only."""
    return accepted(request, rooms, rooms.caring.clean(caller, wanted or CleanParameters()))


@router.post("/backup", status_code=202, response_model=JobOut)
def start_backup(
    request: Request, rooms: Rooms, caller: Caller, wanted: Annotated[BackupParameters | None, Body()] = None
) -> JSONResponse:
    """Copy the records and MLflow's database into the storage, as a job; administrators only."""
    return accepted(request, rooms, rooms.caring.back_up(caller, wanted or BackupParameters()))
