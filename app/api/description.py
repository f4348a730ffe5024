"""The OpenAPI document: what each operation may refuse, and the proofs it takes, said once for all routes."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.idempotency import PARAMETER, takes_key
from app.gate_rules import is_open
from registry.errors import RegistryError

BASE = "/api/v1"
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_MEANINGS = {
    "400": "The body is not what its content type says.",
    "401": "No valid proof of identity came with the request.",
    "403": "The caller may not do this.",
    "404": "It does not exist, or the caller may not see it.",
    "409": "The request contradicts what is there.",
    "413": "The body is larger than this address takes.",
    "422": "A value cannot be used as it was given; the message names it.",
    "429": "The caller is above a limit; `Retry-After` says how long to wait.",
    "503": "Something the platform needs does not answer at the moment.",
    "504": "The model took too long for the image; the run was ended.",
}
_SCHEMA = {
    "type": "object",
    "description": "The one error shape. docs/errors.md lists the codes.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hint", "details", "request_id"],
            "properties": {
                "code": {"type": "string", "description": "never changes its meaning"},
                "message": {"type": "string", "description": "what went wrong, and where"},
                "hint": {"type": "string", "description": "what to do about it"},
                "details": {"type": "object", "description": "facts for programs"},
                "request_id": {"type": "string", "description": "also in the header X-Request-ID"},
            },
        }
    },
    "examples": [RegistryError("something went wrong here").to_dict("4f1c2ab09d3e5867")],
}
_PROOFS = {
    "token": {"type": "http", "scheme": "bearer", "description": "an access token of POST /auth/login, or an API key"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "an API key"},
    "session": {"type": "apiKey", "in": "cookie", "name": "nexusai_session", "description": "a signed-in browser"},
}


def install(api: FastAPI) -> None:
    """Have the application describe itself with refusals and proofs."""

    def describe() -> dict[str, Any]:
        if api.openapi_schema is None:
            made = get_openapi(
                title=api.title,
                version=api.version,
                description=api.description,
                routes=api.routes,
                tags=api.openapi_tags,
            )
            api.openapi_schema = complete(made)
        return api.openapi_schema

    api.openapi = describe  # type: ignore[method-assign]


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add refusals, proofs and the server's path to a document, in place; returns it."""
    document["servers"] = [{"url": BASE}]
    components = document.setdefault("components", {})
    components["securitySchemes"] = _PROOFS
    schemas = components.setdefault("schemas", {})
    schemas["Error"] = _SCHEMA
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            _put_nulls_back(schema, example, schemas)
    for path, item in document["paths"].items():
        for method in _METHODS & set(item):
            _complete_operation(method, path, item[method])
    return document


def _put_nulls_back(schema: dict[str, Any], example: Any, schemas: dict[str, Any]) -> None:
    """FastAPI leaves null out of examples; a field that is always there is shown as null again, at any depth."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[-1]]
    if isinstance(example, list):
        for each in example:
            _put_nulls_back(schema.get("items", {}), each, schemas)
    elif isinstance(example, dict):
        fields = schema.get("properties", {})
        for name in schema.get("required", ()):
            example.setdefault(name, None)
        for name in fields.keys() & example.keys():
            _put_nulls_back(fields[name], example[name], schemas)


def _complete_operation(method: str, path: str, operation: dict[str, Any]) -> None:
    is_public = is_open(method.upper(), BASE + path)
    if takes_key(method.upper(), path):
        operation.setdefault("parameters", []).append(PARAMETER)
    operation["security"] = [] if is_public else [{name: []} for name in _PROOFS]
    responses = operation["responses"]
    for status in _refusals(method, path, operation, is_public=is_public):
        told = responses.get(status, {}).get("description", "")
        description = told if told and told != "Validation Error" else _MEANINGS[status]
        responses[status] = {
            "description": description,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }


def _refusals(method: str, path: str, operation: dict[str, Any], *, is_public: bool) -> Iterator[str]:
    """The statuses an operation may refuse with, beside those its route names itself."""
    yield from ("401", "422", "429", "503")
    if not is_public or "403" in operation["responses"]:
        yield "403"
    if "{" in path or method == "delete" or "404" in operation["responses"]:
        yield "404"
    if "504" in operation["responses"]:
        yield "504"
    if method != "get":
        yield from ("409", "413")
    if "requestBody" in operation:
        yield "400"
