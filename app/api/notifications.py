"""Receivers of notifications: who is told of what the cameras see."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.context import Caller, Paging, Rooms, cut
from registry.notify.asked import ReceiverAsked
from registry.notify.wanted import Wanted

router = APIRouter(prefix="/notifications", tags=["notifications"])

ReceiverId = Annotated[str, Path(max_length=40, description="the receiver's id")]


class ReceiverOut(BaseModel):
    """A receiver; no secret of it is ever answered, but for the one made for a new webhook, once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "7d1b0f2a9c3e4d5f8a6b7c8d9e0f1a2b",
                    "name": "night guard",
                    "kind": "webhook",
                    "address": "https://hooks.example.com/***",
                    "has_secret": True,
                    "options": {},
                    "wanted": {"kinds": ["object"], "labels": ["person"]},
                    "is_on": True,
                    "waiting": 0,
                    "delivered": 12,
                    "lost": 0,
                    "last_error": "",
                    "last_at": "2026-11-27T23:11:30Z",
                    "owner": "ada",
                    "created_at": "2026-11-27T20:00:00Z",
                    "updated_at": "2026-11-27T20:00:00Z",
                    "secret": "",
                }
            ]
        }
    )

    id: str
    name: str
    kind: str = Field(description="webhook, mqtt, email or apprise")
    address: str = Field(description="as far as it is no secret")
    has_secret: bool
    options: dict[str, Any]
    wanted: Wanted
    is_on: bool
    waiting: int = Field(description="notifications in line")
    delivered: int
    lost: int = Field(description="given up: too old, too many, or refused")
    last_error: str
    last_at: datetime | None = Field(description="delivered last")
    owner: str
    created_at: datetime
    updated_at: datetime
    secret: str = Field(description="in the answer that makes a webhook: what its notifications are signed with")


class ReceiverPage(BaseModel):
    """The receivers by name."""

    items: list[ReceiverOut]
    total: int
    page: int
    size: int


@router.get("", response_model=ReceiverPage)
def list_notifications(rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """List the receivers."""
    return cut(rooms.receivers.list(caller), paging, asdict)


@router.post("", status_code=status.HTTP_201_CREATED, response_model=ReceiverOut, responses={404: {}})
def create_notification(body: ReceiverAsked, rooms: Rooms, caller: Caller) -> Any:
    """Add a receiver: a webhook, an MQTT broker, e-mail, or (administrators) an Apprise address."""
    return rooms.receivers.create(caller, body)


@router.get("/{receiver_id}", response_model=ReceiverOut)
def get_notification(receiver_id: ReceiverId, rooms: Rooms, caller: Caller) -> Any:
    """One receiver."""
    return rooms.receivers.get(caller, receiver_id)


@router.put("/{receiver_id}", response_model=ReceiverOut)
def update_notification(receiver_id: ReceiverId, body: ReceiverAsked, rooms: Rooms, caller: Caller) -> Any:
    """Change a receiver; an address as it was answered keeps its hidden part, a secret left out stays."""
    return rooms.receivers.update(caller, receiver_id, body)


@router.delete("/{receiver_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_notification(receiver_id: ReceiverId, rooms: Rooms, caller: Caller) -> Response:
    """Delete a receiver with what waits for it."""
    rooms.receivers.delete(caller, receiver_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/{receiver_id}/test", status_code=status.HTTP_204_NO_CONTENT, responses={503: {}})
def test_notification(receiver_id: ReceiverId, rooms: Rooms, caller: Caller) -> Response:
    """Send a test now; 503 says what went wrong."""
    rooms.receivers.test(caller, receiver_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
