"""A multipart form with one file, read as it arrives: the file goes on piece by piece and is nowhere kept.

FastAPI's own way writes the file down first, and looks at every field's type again for each request.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.api.asked import refused_body
from registry.errors import InvalidInput, UploadTooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MOST_FIELDS, _FIELD_BYTES = 16, 4 << 20
_FILE = "file"

Take = Callable[[bytes], Awaitable[None]]
Look = Callable[[dict[str, str]], Awaitable[None]]
Fields = TypeVar("Fields", bound=BaseModel)


@dataclass(slots=True)
class _Form:
    """What of the form has arrived: whole fields by name, and the pieces of the file not handed on yet."""

    fields: dict[str, bytearray] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    before: dict[str, str] | None = None  # the fields that came before the file, once it begins
    whole: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _name: str = ""

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._name = ""

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._header, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        if self._name == _FILE:
            if self.before is not None:
                raise InvalidInput("the form holds two files; send one", details={"field": _FILE})
            self.before = self.texts()
        elif self._name in self.fields:
            name = self._name[:60]
            raise InvalidInput(f"the form holds the field {name!r} twice; send it once", details={"field": name})
        else:
            self.fields[self._name] = bytearray()
            if len(self.fields) > _MOST_FIELDS:
                raise InvalidInput(f"the form has more than {_MOST_FIELDS} fields")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == _FILE:
            self.pieces.append(data[start:end])
            return
        self.fields[self._name] += data[start:end]
        if sum(map(len, self.fields.values())) > _FIELD_BYTES:
            raise UploadTooLarge(f"the form's fields have more than {_FIELD_BYTES >> 20} MiB")

    def _end(self) -> None:
        self.whole = True

    def texts(self) -> dict[str, str]:
        """The fields that are there."""
        return {name: bytes(value).decode("utf-8", "replace") for name, value in self.fields.items()}


async def _nothing(_fields: dict[str, str]) -> None:
    """For a form whose fields are looked at when it is whole."""


async def read_form(request: Request, take: Take, look: Look = _nothing) -> dict[str, str]:
    """The fields of the form; its part `file` goes to `take` while it arrives. Its file name plays no part.

    `look` is given the fields before the file, as soon as that begins; all of them where no file comes. Raises
    InvalidInput (no such form, cut short, no file, or two of them), UploadTooLarge, what `take` and `look` raise, and
    starlette's ClientDisconnect.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise InvalidInput("the body has to be multipart/form-data with a file", details={"field": _FILE})
    form, looked = _Form(), False
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
            if form.before is not None and not looked:
                looked = True
                await look(form.before)
            if form.pieces:
                await take(b"".join(form.pieces))
                form.pieces.clear()
    except FormParserError as error:
        raise InvalidInput("the body of the request cannot be read as a form") from error
    if not form.whole:
        raise InvalidInput("the form was cut short: its end is missing", hint="Send it again.")
    if form.before is None:
        await look(form.texts())
        raise InvalidInput("the form holds no file", details={"field": _FILE})
    return form.texts()


def checked(form: type[Fields], fields: dict[str, str]) -> Fields:
    """The fields as a form has them; one that is empty was not filled in. Raises RequestValidationError."""
    try:
        return form.model_validate({name: value for name, value in fields.items() if value})
    except ValidationError as error:
        raise refused_body(error) from error


def described(form: type[BaseModel], file: str) -> dict[str, Any]:
    """The request body for a route's `openapi_extra`: a form's fields beside a file, which `file` describes."""
    schema = form.model_json_schema()
    sent = {"type": "string", "contentMediaType": "application/octet-stream", "description": file}
    properties, required = {_FILE: sent} | schema["properties"], [_FILE, *schema["required"]]
    whole = schema | {"properties": properties, "required": required}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": whole}}}}
