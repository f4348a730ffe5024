"""Schedules: jobs that are started again and again."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.api.context import Caller, Paging, Rooms, listing
from app.api.jobs import JobOut, accepted
from registry.jobs.schedules import Plan, schedule_dict

router = APIRouter(prefix="/schedules", tags=["schedules"])
ScheduleId = Annotated[str, Path(max_length=64)]
Kind = Literal["batch", "video", "train", "optimise", "tune", "clean", "backup"]

_PLAN: JsonDict = {
    "name": "Nightly clean-up",
    "kind": "clean",
    "parameters": {"dry_run": False},
    "cron": "15 3 * * *",
    "time_zone": "Europe/Berlin",
    "active": True,
}


class ScheduleIn(BaseModel):
    """What is started, and when."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PLAN]})

    name: str = Field(min_length=1, max_length=80)
    kind: Kind = Field(description="the kind of job")
    parameters: dict[str, Any] = Field(default_factory=dict, description="those of the kind; docs/jobs.md lists them")
    cron: str = Field(max_length=120, description="minute, hour, day of month, month, day of week")
    time_zone: str = Field("UTC", max_length=64, description="a name such as Europe/Berlin")
    active: bool = Field(True, description="whether it starts anything")

    def plan(self) -> Plan:
        """As the library takes it."""
        return Plan(**self.model_dump())


class ScheduleOut(BaseModel):
    """A schedule with its next time and what became of its last."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_PLAN,
                    "id": "6a1f4c0d9e2b47f5a1c3d5e7f9b0a2c4",
                    "owner": "ada",
                    "revision": 1,
                    "next_at": "2026-05-12T01:15:00Z",
                    "last_at": "2026-05-11T01:15:00Z",
                    "last_job_id": "0b7f4c0d9e2b47f5a1c3d5e7f9b0a2c4",
                    "problem": "",
                    "created_at": "2026-05-04T08:15:00Z",
                    "updated_at": "2026-05-04T08:15:00Z",
                }
            ]
        }
    )

    id: str
    name: str
    kind: str
    parameters: dict[str, Any]
    cron: str
    time_zone: str
    active: bool
    owner: str
    revision: int
    next_at: datetime | None = Field(description="null while it rests")
    last_at: datetime | None
    last_job_id: str = Field(description="the job that it started last")
    problem: str = Field(description="why its last start came to nothing")
    created_at: datetime
    updated_at: datetime


class SchedulePage(BaseModel):
    """One page of schedules."""

    items: list[ScheduleOut]
    total: int
    page: int
    size: int


@router.get("", response_model=SchedulePage)
def list_schedules(rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """Your schedules by name; administrators see everybody's."""
    found, total = rooms.schedules.page(caller, number=paging[0], size=paging[1])
    return listing([schedule_dict(each) for each in found], total, paging)


@router.post("", status_code=201, response_model=ScheduleOut, responses={404: {}, 409: {}, 413: {}})
def create_schedule(asked: ScheduleIn, rooms: Rooms, caller: Caller) -> Any:
    """Have a job started at times that come again."""
    return schedule_dict(rooms.schedules.create(caller, asked.plan()))


@router.get("/{schedule_id}", response_model=ScheduleOut)
def get_schedule(schedule_id: ScheduleId, rooms: Rooms, caller: Caller) -> Any:
    """One of your schedules."""
    return schedule_dict(rooms.schedules.get(caller, schedule_id))


@router.put("/{schedule_id}", response_model=ScheduleOut, responses={409: {}})
def change_schedule(schedule_id: ScheduleId, asked: ScheduleIn, rooms: Rooms, caller: Caller) -> Any:
    """Change a schedule; its owner stays, and the owner's rights count."""
    return schedule_dict(rooms.schedules.update(caller, schedule_id, asked.plan()))


@router.delete("/{schedule_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_schedule(schedule_id: ScheduleId, rooms: Rooms, caller: Caller) -> Response:
    """Remove a schedule; the jobs that it started stay."""
    rooms.schedules.delete(caller, schedule_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/{schedule_id}/run", status_code=202, response_model=JobOut)
def run_schedule(schedule_id: ScheduleId, request: Request, rooms: Rooms, caller: Caller) -> JSONResponse:
    """Start its job now, beside its times."""
    return accepted(request, rooms, rooms.schedules.run_now(caller, schedule_id))
