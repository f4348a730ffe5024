"""Prefect's interface behind the gate: its pages, its API with the proof added, its settings without the question."""

import json
from dataclasses import dataclass
from typing import Self

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from app import prefect_rules
from app.gate_answers import error_response
from app.prefect_rules import BLOCKS
from app.proxy import Proxy, actor_of
from app.proxy_trail import ProxyTrail
from flows.prefect_server import UI_BASE, api_url, auth_string, basic_authorization
from registry.access import Action, require
from registry.errors import Forbidden, PrefectUnavailable, RegistryError
from registry.records import Database
from registry.settings import Settings


@dataclass(frozen=True, slots=True)
class PrefectUi:
    """Prefect's pages and its API, each below its own path there."""

    pages: Proxy
    api: Proxy
    database: Database

    @classmethod
    def of(cls, settings: Settings, database: Database) -> Self:
        """For the server of these settings."""

        def root() -> str:
            return api_url(settings).removesuffix("/api")

        rules, away = prefect_rules.admit, PrefectUnavailable
        greeting = json.dumps({"type": "auth", "token": auth_string(settings)})
        proof = basic_authorization(settings)
        return cls(
            Proxy("Prefect", lambda: root() + UI_BASE, rules, unavailable=away),
            Proxy("Prefect", lambda: root() + "/api", rules, unavailable=away, headers=proof, greeting=greeting),
            database,
        )

    def routes(self) -> list[BaseRoute]:
        """Below `/prefect`."""
        traced = ProxyTrail(self.api, self.database, "prefect.change", prefect_rules.writes, prefect_rules.changes)
        return [
            Route(UI_BASE, _to_pages),
            Route(f"{UI_BASE}/ui-settings", self._settings),
            *[Route(f"{UI_BASE}/api/block_documents/{asked}", _no_blocks, methods=["POST"]) for asked in BLOCKS],
            Mount(f"{UI_BASE}/api", app=traced),
            Mount(UI_BASE, app=self.pages),
        ]

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self.pages.aclose()
        await self.api.aclose()

    async def _settings(self, request: Request) -> Response:
        """What the pages ask first; they need not ask people for a password that the gate knows."""
        try:
            prefect_rules.admit(actor_of(request.scope), request.method, request.url.path)
            answer = await self.pages.client.get(f"{self.pages.upstream()}/ui-settings")
            return JSONResponse({**answer.raise_for_status().json(), "auth": None})
        except httpx.HTTPError as error:
            refusal: RegistryError = PrefectUnavailable(f"Prefect does not answer: {type(error).__name__}")
        except RegistryError as error:
            refusal = error
        return error_response(refusal, request.scope)


async def _no_blocks(request: Request) -> Response:
    """What Prefect says where there is no block: its pages show that instead of an error."""
    try:
        require(actor_of(request.scope), Action.OPEN_PREFECT)
    except Forbidden as error:
        return error_response(error, request.scope)
    return JSONResponse(BLOCKS[request.url.path.rpartition("/")[2]])


async def _to_pages(_request: Request) -> Response:
    return RedirectResponse(f"{UI_BASE}/", 307)
