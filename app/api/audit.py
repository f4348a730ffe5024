"""The audit trail, for administrators."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.api.context import Caller, Paging, Rooms, listing
from registry.records import AuditEntry
from registry.records.audit_search import TrailFilter

router = APIRouter(prefix="/audit", tags=["audit"])


class TrailOut(BaseModel):
    """One entry of the audit trail."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "number": 41,
                    "at": "2026-03-01T09:00:00.120000Z",
                    "actor_id": "5f0c1d2e3a4b5c6d7e8f90a1b2c3d4e5",
                    "actor_name": "ada",
                    "action": "user.role",
                    "target": "user:0a1b2c3d4e5f60718293a4b5c6d7e8f9",
                    "outcome": "ok",
                    "address": "10.0.0.7",
                    "details": {"before": {"role": "user"}, "after": {"role": "operator"}},
                }
            ]
        }
    )

    number: int = Field(description="place in the trail, from 1")
    at: datetime
    actor_id: str = Field(description="who did it; stays when the account is deleted")
    actor_name: str = Field(description="the name at that time")
    action: str
    target: str = Field(description="on what: its kind, a colon, its id")
    outcome: Literal["ok", "refused", "failed"]
    address: str = Field(description="network address it came from; empty on the machine itself")
    details: dict[str, Any] = Field(description="before, after and the like; never a secret")


class TrailPage(BaseModel):
    """One page of the audit trail."""

    items: list[TrailOut]
    total: int
    page: int
    size: int


class VerdictOut(BaseModel):
    """Whether the chain of the trail holds."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"holds": False, "rows": 40, "digest": "9f86d081884c7d65…", "number": 41, "fault": "edited"}]
        }
    )

    holds: bool
    rows: int = Field(description="entries that were checked")
    digest: str = Field(description="of the newest entry checked")
    number: int | None = Field(description="the first entry with a problem")
    fault: Literal["edited", "missing", "head"] | None = Field(description="what is wrong with it")


def trail_row(entry: AuditEntry) -> dict[str, object]:
    """An entry as a page of the list has it."""
    return TrailOut.model_validate(entry, from_attributes=True).model_dump()


def _aware(moment: datetime | None) -> datetime | None:
    if moment is not None and not 1970 <= moment.year < 9_999:
        raise ValueError("expected a year from 1970 to 9998")
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


Moment = Annotated[datetime | None, AfterValidator(_aware)]


async def _wanted(
    person: Annotated[str, Query(max_length=64, description="id or name of who did it")] = "",
    action: Annotated[str, Query(max_length=64, description="beginning of the action, such as `user.`")] = "",
    target: Annotated[str, Query(max_length=300, description="beginning of the target, such as `model:`")] = "",
    outcome: Literal["ok", "refused", "failed"] | None = None,
    since: Annotated[Moment, Query(description="not before this time; UTC unless it says otherwise")] = None,
    until: Annotated[Moment, Query(description="before this time")] = None,
    text: Annotated[str, Query(max_length=100, description="part of any column")] = "",
) -> TrailFilter:
    return TrailFilter(person, action, target, outcome, since, until, text)


Wanted = Annotated[TrailFilter, Depends(_wanted)]


@router.get("", response_model=TrailPage)
def list_entries(rooms: Rooms, caller: Caller, wanted: Wanted, paging: Paging) -> Any:
    """List what was done, newest first; `text` looks into the newest 6,000 entries that the rest leaves."""
    found, total = rooms.auditing.page(caller, wanted, number=paging[0], size=paging[1])
    return listing([trail_row(entry) for entry in found], total, paging)


@router.get("/export", response_class=StreamingResponse, responses={200: {"content": {"text/csv": {}}}})
def export_entries(rooms: Rooms, caller: Caller, wanted: Wanted) -> StreamingResponse:
    """Every matching entry as CSV."""
    headers = {"content-disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(rooms.auditing.export(caller, wanted), media_type="text/csv", headers=headers)


@router.get("/verify")
def verify(rooms: Rooms, caller: Caller) -> VerdictOut:
    """Check the whole trail for entries that were edited or are missing."""
    return VerdictOut.model_validate(rooms.auditing.verify(caller), from_attributes=True)
