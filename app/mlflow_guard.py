"""What published models lie in is changed by nobody but administrators, whichever of MLflow's calls names it.

A version's file is an artifact of a run in the experiment of models. MLflow lets whoever reaches it write to any run;
here every run, logged model, experiment and artifact path that a writing request names is looked up first.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import anyio.to_thread
import httpx
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gate_answers import error_response
from app.mlflow_rules import manages, operation, writes
from registry.access import Actor
from registry.access.actor import ANONYMOUS
from registry.errors import Forbidden, InvalidInput, MlflowUnavailable, RegistryError, UploadTooLarge
from registry.models.names import check_new_name, refuse_twin

LONGEST_JSON = 4 << 20  # bytes; MLflow's own client sends batches of up to 1 MB
_LONGEST_CACHE = 10_000
_RUNS = frozenset(["run_id", "run_uuid", "runId", "runUuid", "run_ids", "runIds", "source_run_id", "sourceRunId"])
_EXPERIMENTS = frozenset(["experiment_id", "experimentId", "experiment_ids", "experimentIds"])
_LOGGED_MODELS = frozenset(["model_id", "modelId", "model_ids", "modelIds"])
_NAMING = frozenset(["registered-models/create", "registered-models/rename"])
_OF_EVERYBODY = "0"  # the default experiment: everybody may use it, none may take it away


class MlflowGuard:
    """ASGI middleware before the proxy; `upstream` gives MLflow's URL, `experiment` the name that is protected."""

    def __init__(self, app: ASGIApp, upstream: Callable[[], str], experiment: Callable[[], str]) -> None:
        self._app = app
        self._upstream = upstream
        self._experiment = experiment
        self._client = httpx.AsyncClient(timeout=10, trust_env=False)
        self._known: dict[str, str] = {}  # run or logged model → experiment, which never changes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; what only reads passes untouched, and what administrators ask, but for a model's name."""
        actor: Actor = scope.get("state", {}).get("actor", ANONYMOUS)
        is_write = scope["type"] == "http" and writes(scope["method"], scope["path"])
        names = is_write and operation(scope["path"]).rstrip("/") in _NAMING
        if not is_write or (manages(actor) and not names):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body, receive = await _json_body(request)
            if names:
                await self._check_name(body if isinstance(body, dict) else {})
            if not manages(actor):
                await self._check(request, body)
        except RegistryError as error:
            await error_response(error, request.scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self._client.aclose()

    async def _check_name(self, body: dict[str, Any]) -> None:
        """Raises InvalidInput, NameTaken: a model has a name that can be used here, whoever gives it."""
        old, wanted = str(body.get("name", "")), str(body.get("new_name", body.get("name", "")))
        check_new_name(wanted)
        asked = {"filter": f"name ILIKE '{wanted}'", "max_results": "1000"}
        found = (await self._ask("registered-models/search", asked)).get("registered_models", [])
        refuse_twin(wanted, (each["name"] for each in found if "new_name" not in body or each["name"] != old))

    async def _check(self, request: Request, body: Any) -> None:
        asked = operation(request.scope["path"])
        named = list(_named(request.query_params, body, asked))
        if asked.startswith("experiments/create") and _has_location(body):
            raise Forbidden("where MLflow keeps files is chosen by administrators", hint="Leave artifact_location out.")
        if asked.startswith("experiments/delete") and ("experiment", _OF_EVERYBODY) in named:
            raise Forbidden("MLflow's default experiment is everybody's: it is deleted by administrators")
        if not named:
            return
        models = await self._id_of(self._experiment())
        for kind, name in named:
            if models and models == (name if kind == "experiment" else await self._home_of(kind, name)):
                raise Forbidden(
                    "published models lie there: they are changed by administrators",
                    hint="Publish, change and delete models through the app, the API or `registry`.",
                )

    async def _home_of(self, kind: str, name: str) -> str:
        """The experiment of a run or a logged model; empty when there is none."""
        if name not in self._known:
            path = "runs/get" if kind == "run" else f"logged-models/{quote(name, safe='')}"
            found = await self._ask(path, {"run_id": name} if kind == "run" else {})
            info = found.get("run" if kind == "run" else "model", {}).get("info", {})
            if not info:
                return ""
            if len(self._known) >= _LONGEST_CACHE:
                self._known.clear()
            self._known[name] = str(info["experiment_id"])
        return self._known[name]

    async def _id_of(self, experiment: str) -> str:
        if experiment not in self._known:
            found = await self._ask("experiments/get-by-name", {"experiment_name": experiment})
            if not found:
                return ""
            self._known[experiment] = str(found["experiment"]["experiment_id"])
        return self._known[experiment]

    async def _ask(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        """MLflow's answer, empty for what it does not have. Raises MlflowUnavailable."""
        base = (await anyio.to_thread.run_sync(self._upstream)).rstrip("/")
        try:
            answer = await self._client.get(f"{base}/api/2.0/mlflow/{path}", params=query)
            if answer.status_code < 500:
                return dict(answer.json()) if answer.is_success else {}
        except (httpx.HTTPError, ValueError) as error:
            raise MlflowUnavailable(f"MLflow does not answer: {type(error).__name__}") from error
        raise MlflowUnavailable(f"MLflow answered {answer.status_code}")


async def _json_body(request: Request) -> tuple[Any, Receive]:
    """What the request says, None for what is no JSON, and a `receive` that gives its body once more."""
    if operation(request.scope["path"]).split("/")[0] in {"upload-artifact", "mlflow-artifacts"}:
        return None, request.receive  # files: the address names where they go
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > LONGEST_JSON:
            raise UploadTooLarge(f"a request to MLflow has up to {LONGEST_JSON >> 20} MiB beside files")
    body, given = b"".join(parts), False

    async def again() -> Message:
        nonlocal given
        if given:
            return await request.receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        said = json.loads(body) if body.strip() else None
        return (json.loads(said) if isinstance(said, str) else said), again  # MLflow takes JSON within JSON
    except (ValueError, RecursionError) as error:
        raise InvalidInput("MLflow's calls take JSON") from error


def _named(query: QueryParams, body: Any, asked: str) -> Iterator[tuple[str, str]]:
    """Every run, logged model and experiment that a request names, as ("run", id) and so on."""
    for key, value in [*query.multi_items(), *_pairs(body)]:
        if key in _RUNS:
            yield "run", value
        elif key in _EXPERIMENTS:
            yield "experiment", value
        elif key in _LOGGED_MODELS:
            yield "logged model", value
    parts = [part for part in asked.split("/") if part not in {"", "."}]
    if parts[:1] == ["logged-models"] and len(parts) > 1:
        yield "logged model", parts[1]
    if parts[:1] == ["mlflow-artifacts"] and len(parts) > 2:
        yield from (("experiment", part) for part in parts[2:5])  # artifacts/ID/… and mpu/create/ID/…


def _pairs(body: Any) -> Iterator[tuple[str, str]]:
    """Every name with its text or number, at any depth."""
    left = [body]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left.extend(value)
        elif isinstance(value, dict):
            left.extend(value.values())
            for key, each in value.items():
                for one in each if isinstance(each, list) else [each]:
                    if isinstance(one, str | int):
                        yield key, str(one)


def _has_location(body: Any) -> bool:
    return any(key in {"artifact_location", "artifactLocation"} and value for key, value in _pairs(body))
