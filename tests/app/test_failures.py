"""What nobody foresaw."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp

from app.api import failures


def test_a_bug_answers_the_one_shape_and_keeps_the_connection(
    serve: Callable[[ASGIApp], AbstractContextManager[str]],
) -> None:
    api = FastAPI()
    failures.install(api)

    @api.get("/bug")
    def bug() -> None:
        raise ZeroDivisionError

    @api.get("/good")
    def good() -> str:
        return "good"

    with serve(api) as host, httpx.Client(base_url=f"http://{host}", timeout=60) as client:
        for _ in range(3):
            response = client.get("/bug")
            assert response.status_code == 500
            assert response.json()["error"]["code"] == "unexpected_error"
            assert client.get("/good").json() == "good"
