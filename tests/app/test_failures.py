"""What nobody foresaw."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import httpx
from fastapi import FastAPI, Form
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


def test_a_body_of_another_kind_is_told_what_is_taken(serve: Callable[[ASGIApp], AbstractContextManager[str]]) -> None:
    api = FastAPI()
    failures.install(api)

    @api.post("/form")
    def form(model: Annotated[str, Form()]) -> str:
        return model

    @api.post("/json")
    def json(body: dict[str, int]) -> dict[str, int]:
        return body

    with serve(api) as host, httpx.Client(base_url=f"http://{host}", timeout=60) as client:
        error = client.post("/form", json={"model": "m"}).json()["error"]
        assert error["message"] == "this address takes a form (multipart/form-data), not application/json"
        assert client.post("/form", data={"other": "m"}).json()["error"]["message"] == "body.model: Field required"
        assert client.post("/form", data={"model": "m"}).json() == "m"
        broken = client.post("/json", content=b'{"a": 1,}', headers={"Content-Type": "application/json"})
        assert broken.status_code == 422
        assert broken.json()["error"]["message"].startswith("the body is no JSON: ")
