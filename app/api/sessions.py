"""Where one is signed in: browsers and programs, listed and ended."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.context import Caller, Paging, Rooms, cut

router = APIRouter(prefix="/auth/sessions", tags=["auth"])


class SignInOut(BaseModel):
    """One sign-in."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "9b1de0a7c55f4b3c8d2e6f7a1b0c9d8e",
                    "kind": "browser",
                    "created_at": "2026-03-01T09:00:00Z",
                    "last_seen_at": "2026-03-01T11:30:00Z",
                    "address": "192.0.2.7",
                    "user_agent": "Mozilla/5.0 …",
                    "current": True,
                }
            ]
        }
    )

    id: str
    kind: Literal["browser", "api"] = Field(description="a browser session, or the tokens of one POST /auth/login")
    created_at: datetime
    last_seen_at: datetime = Field(description="for tokens: when they were issued or refreshed last")
    address: str
    user_agent: str
    current: bool = Field(description="the one that asks")


class SignInPage(BaseModel):
    """One page of sign-ins."""

    items: list[SignInOut]
    total: int
    page: int
    size: int


@router.get("", response_model=SignInPage)
def list_sessions(rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """Where the caller is signed in: the sign-in that asks, then the others, the one seen last first."""
    return cut(rooms.sign_ins.list(caller), paging, lambda each: SignInOut.model_validate(each, from_attributes=True))


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
def end_other_sessions(rooms: Rooms, caller: Caller) -> Response:
    """End all of the caller's sign-ins but the one that asks."""
    rooms.sign_ins.end_others(caller)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.delete("/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
def end_session(
    session_id: Annotated[str, Path(max_length=64, description="the sign-in's id")], rooms: Rooms, caller: Caller
) -> Response:
    """End one of the caller's sign-ins."""
    rooms.sign_ins.end(caller, session_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
