"""A model's way in over HTTP: send the file, then follow its steps."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from anyio import CancelScope
from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from app.api.asked import Asked
from app.api.context import Caller, Rooms
from app.api.streamed_form import checked, described, read_form
from registry.access import Action, require
from registry.errors import InvalidInput, RegistryError
from registry.mlflow_file import AccessLevel
from registry.models.intake import Wanted
from registry.models.quarantine import Arriving
from registry.models.types import CHAMPION
from registry.models.upload_records import Upload
from registry.models.uploads import CUT
from registry.runtime.card import ModelCard

router = APIRouter(prefix="/models", tags=["models"])


class StepOut(BaseModel):
    """One step of the way in."""

    name: str = Field(description="receive, scan, convert, verify or register")
    state: str = Field(description="waiting, running, done, skipped or failed")
    detail: str = Field(description="what was found, or why it failed")


class UploadError(BaseModel):
    """Why a file was rejected; the shape of every error."""

    code: str
    message: str
    hint: str
    details: dict[str, Any]


class UploadOut(BaseModel):
    """A file on its way in."""

    id: str
    state: Literal["quarantined", "scanning", "converting", "verifying", "registered", "rejected"]
    steps: list[StepOut]
    model: str = Field(description="the registered name that was asked for")
    version: int | None = Field(description="the version that was made, once it is registered")
    error: UploadError | None
    warning: str = Field(description="why its alias was not moved to the version; empty where nothing is wrong")
    sha256: str = Field(description="of the file as it arrived, hex; empty until then")
    size_bytes: int
    created_at: str


class UploadAnswer(BaseModel):
    """The upload as it is now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "upload": {
                        "id": "9f0c1d3b5a7e4f60812c93d4e5f60718",
                        "state": "converting",
                        "steps": [
                            {"name": "receive", "state": "done", "detail": "5,768,305 bytes, sha256 0c2f6a0e93b1…"},
                            {"name": "scan", "state": "done", "detail": "PyTorch checkpoint, 509 members"},
                            {"name": "convert", "state": "running", "detail": ""},
                            {"name": "verify", "state": "waiting", "detail": ""},
                            {"name": "register", "state": "waiting", "detail": ""},
                        ],
                        "model": "parts-detector",
                        "version": None,
                        "error": None,
                        "warning": "",
                        "sha256": "0c2f6a0e93b1" + "0" * 52,
                        "size_bytes": 5768305,
                        "created_at": "2026-11-27T16:00:00Z",
                    }
                }
            ]
        }
    )

    upload: UploadOut


class UploadForm(Asked):
    """The fields beside the file."""

    name: Annotated[str, Field(max_length=63, description="the registered name")]
    task: Annotated[str, Field(max_length=32, description="refuse the file unless it answers this task")] = ""
    description: Annotated[str, Field(max_length=400, description="of a model that is new; PATCH changes it later")] = (
        ""
    )
    access_level: Annotated[AccessLevel, Field(description="of a model that is new; PATCH changes it later")] = (
        "authenticated"
    )
    card: Annotated[str, Field(max_length=4_000_000, description="the model's card as JSON")] = ""
    alias: Annotated[
        str, Field(max_length=31, description="to be moved to the version once it is proven; sent empty, none is")
    ] = CHAMPION
    parent: Annotated[str, Field(max_length=80, description="the version it was made from, as name/version")] = ""

    @classmethod
    def wanted(cls, fields: dict[str, str]) -> Wanted:
        """What the fields say. Raises RequestValidationError, InvalidCard."""
        form = checked(cls, fields)
        card = ModelCard.parse(form.card) if form.card else None
        alias = form.alias if fields.get("alias", form.alias) else ""
        return Wanted(form.name, card, form.task, form.description, form.access_level, alias, form.parent)


@dataclass(slots=True)
class _Arrival:
    """A model that is being sent; its place in the quarantine is opened with its first piece."""

    rooms: Rooms
    caller: Caller
    fields: dict[str, str] = field(default_factory=dict)
    _arriving: Arriving | None = None

    async def look(self, fields: dict[str, str]) -> None:
        """Raises what `Wanted.check` does, unless the name is still to come."""
        self.fields = fields
        if "name" in fields:
            await run_in_threadpool(UploadForm.wanted(fields).check, self.caller, self.rooms.models)

    async def take(self, piece: bytes) -> None:
        await run_in_threadpool((await self.opened()).write, piece)

    async def opened(self) -> Arriving:
        if self._arriving is None:
            self._arriving = await run_in_threadpool(self.rooms.uploads.open, self.caller)
        return self._arriving

    async def cut(self, error: BaseException) -> None:
        """Forget what has arrived of it."""
        if self._arriving is not None:
            reason = error.message if isinstance(error, RegistryError) else CUT
            name = self.fields.get("name", "")[:63]
            await run_in_threadpool(self.rooms.uploads.cut, self.caller, self._arriving, name, reason)


_FILE = "ONNX, PyTorch, TorchScript, Keras, SavedModel (zip), frozen .pb, or a pair of ONNX files (zip)"


@router.post("/upload", status_code=202, response_model=UploadAnswer, openapi_extra=described(UploadForm, _FILE))
async def upload_model(request: Request, rooms: Rooms, caller: Caller) -> JSONResponse:
    """Send a model. It is looked at, converted, tried and registered after this answer; follow it at `Location`.

    Fields that come before the file are looked at before it is received: put them first. A form without a file is
    refused for what is wrong with them, else because it holds none.
    """
    require(caller, Action.PUBLISH_MODEL)
    arrival = _Arrival(rooms, caller)
    try:
        arrival.fields = await read_form(request, arrival.take, arrival.look)
        wanted = UploadForm.wanted(arrival.fields)
        arriving = await arrival.opened()
    except BaseException as error:
        with CancelScope(shield=True):  # also when the server stops: nothing stays half-written
            await arrival.cut(error)
        if isinstance(error, ClientDisconnect):
            raise InvalidInput("the sender went away before the file was whole") from error
        raise
    return accepted(request, await run_in_threadpool(rooms.uploads.begin, caller, arriving, wanted))


@router.get("/uploads/{upload_id}", response_model=UploadAnswer)
def get_upload(upload_id: Annotated[str, Path(max_length=64)], rooms: Rooms, caller: Caller) -> Any:
    """How far an upload of one's own is."""
    return {"upload": rooms.uploads.get(caller, upload_id).to_dict()}


def accepted(request: Request, upload: Upload) -> JSONResponse:
    """The answer to who has sent or asked for a model: the upload as it begins, and where to follow it."""
    where = f"{request.scope.get('root_path', '')}/models/uploads/{upload.id}"
    return JSONResponse({"upload": upload.to_dict()}, 202, {"location": where})
