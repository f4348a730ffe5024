"""Models over HTTP: registered before their first version, described, shared, moved, archived."""

import threading
import uuid
from typing import Any

import httpx
import numpy as np
import pytest
from sqlmodel import select

from registry.access.actor import local_actor
from registry.models.intake import take_in
from registry.models.types import CHAMPION
from registry.records import AuditEntry, Role
from registry.runtime.card import ModelCard, Task
from registry.testing.onnx_models import (
    BLOB_CARD,
    BLOB_NMS_CARD,
    COLOUR_CARD,
    blob_detector,
    blob_detector_with_nms,
    colour_classifier,
)
from tests.contract.conftest import House, refusal


def _new(house: House, role: Role = Role.ENGINEER, **fields: Any) -> dict[str, Any]:
    body = {"name": f"new-{uuid.uuid4().hex[:8]}", **fields}
    answer = house.client.post("/api/v1/models", json=body, headers=house.bearers[role])
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/models/{body['name']}"
    made: dict[str, Any] = answer.json()
    return made


def test_a_model_is_registered_before_it_has_a_version(house: House) -> None:
    made = _new(house, task="detect", description="parts", access_level="private")
    assert (made["owner"], made["task"], made["latest_version"]) == ("the-engineer", "detect", 0)
    name, headers = made["name"], house.bearers[Role.ENGINEER]
    detail = house.client.get(f"/api/v1/models/{name}", headers=headers).json()
    assert (detail["description"], detail["access_level"], detail["versions"]) == ("parts", "private", [])
    refusal(house.client.get(f"/api/v1/models/{name}", headers=house.bearers[Role.USER]), 404, "model_not_found")
    with house.platform.database.read() as session:
        [entry] = session.exec(select(AuditEntry).where(AuditEntry.target == f"model:{name}")).all()
    assert (entry.action, entry.actor_name) == ("model.register", "the-engineer")


def test_what_is_registered_takes_versions_of_its_task_alone(house: House) -> None:
    name = _new(house, task="classify")["name"]
    actor = house.actor(Role.ENGINEER)

    def send(model: bytes, card: ModelCard | None) -> httpx.Response:
        given = {"card": card.model_dump_json()} if card else {}
        return house.client.post(
            "/api/v1/models/upload",
            files={"file": ("m.onnx", model)},
            data={"name": name, **given},
            headers=house.bearers[Role.ENGINEER],
        )

    refused = refusal(send(blob_detector(), BLOB_CARD), 422, "card_invalid")  # its card says so before it is looked at
    assert "task classify" in str(refused["message"])
    upload = house.platform.uploads
    for model, card in ((blob_detector(), None), (colour_classifier(), COLOUR_CARD)):
        upload_id = send(model, card).json()["upload"]["id"]
        while not upload.get(actor, upload_id).ended:
            pass
        ended = upload.get(actor, upload_id)
        assert ended.state == ("registered" if card else "rejected"), ended
        if ended.error:
            assert ended.error["code"] == "card_invalid"
            assert "task classify" in ended.error["message"]
    assert house.platform.models.get(actor, name).latest_version == 1


def test_an_upload_names_its_alias_and_its_parent_and_moves_no_alias_to_what_fails(house: House) -> None:
    name, actor = f"new-{uuid.uuid4().hex[:8]}", house.actor(Role.ENGINEER)
    blue = np.zeros((64, 64, 3), np.uint8)
    blue[:8, :8] = (255, 0, 0)
    short = BLOB_NMS_CARD.model_copy(update={"labels": ("red",)})  # it names an unknown class on blue
    uploads = (
        (blob_detector(), BLOB_CARD, {}, {"champion": 1}),
        (blob_detector(), BLOB_CARD, {"alias": "", "parent": f"{name}/1"}, {"champion": 1}),
        (blob_detector(), BLOB_CARD, {"alias": "canary"}, {"champion": 1, "canary": 3}),
        (blob_detector_with_nms(), short, {}, {"champion": 1, "canary": 3}),
        (blob_detector_with_nms(), BLOB_NMS_CARD, {"alias": "champion"}, {"champion": 5, "canary": 3}),
    )
    for number, (model, card, fields, aliases) in enumerate(uploads, 1):
        ended = _uploaded(house, model, {"name": name, "card": card.model_dump_json(), **fields})
        assert (ended["state"], ended["version"]) == ("registered", number)
        assert house.platform.models.get(actor, name).aliases == aliases
        if card is short:
            assert "champion stays where it is" in ended["warning"]
            assert ended["steps"][-1]["detail"] == f"version {number}; {ended['warning']}"
        else:
            assert ended["warning"] == ""
        house.platform.serving.predict(actor, blue, model=name)
    assert house.platform.models.version(actor, name, 2).parent == f"{name}/1"


@pytest.mark.parametrize(
    "wrong", [{"alias": "No Alias"}, {"alias": "latest"}, {"alias": "a" * 32}, {"parent": "p" * 81}]
)
def test_an_upload_with_an_impossible_alias_or_parent_is_refused_before_it_is_looked_at(
    house: House, wrong: dict[str, str]
) -> None:
    sent = house.client.post(
        "/api/v1/models/upload",
        files={"file": ("m.onnx", blob_detector())},
        data={"name": f"new-{uuid.uuid4().hex[:8]}", **wrong},
        headers=house.bearers[Role.ENGINEER],
    )
    refusal(sent, 422, "invalid_input")


def _uploaded(house: House, model: bytes, fields: dict[str, str]) -> dict[str, Any]:
    """What became of an upload of the engineer's."""
    headers = house.bearers[Role.ENGINEER]
    sent = house.client.post(
        "/api/v1/models/upload", files={"file": ("m.onnx", model)}, data=fields, headers=headers
    ).raise_for_status()
    for thread in threading.enumerate():
        if thread.name == "upload":
            thread.join(240)
    upload: dict[str, Any] = house.client.get(sent.headers["location"], headers=headers).json()["upload"]
    return upload


def test_a_name_is_registered_once(house: House) -> None:
    name = _new(house, access_level="private")["name"]
    answer = house.client.post("/api/v1/models", json={"name": name}, headers=house.bearers[Role.ADMIN])
    refusal(answer, 409, "name_taken")


def test_the_same_key_registers_once(house: House) -> None:
    body, key = {"name": f"new-{uuid.uuid4().hex[:8]}"}, {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (
        house.client.post("/api/v1/models", json=body, headers=house.bearers[Role.ENGINEER] | key) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "no spaces"},
        {"name": ""},
        {"task": "guess"},
        {"access_level": "everybody"},
        {"description": "x" * 4_001},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_cannot_be_registered_leaves_nothing(house: House, wrong: dict[str, Any]) -> None:
    body = {"name": f"new-{uuid.uuid4().hex[:8]}"} | wrong
    answer = house.client.post("/api/v1/models", json=body, headers=house.bearers[Role.ENGINEER])
    refusal(answer, 422, "invalid_input")
    found, _ = house.platform.models.list(local_actor(), archived=None, size=10_000)
    assert body["name"] not in {model.name for model in found}


def test_a_model_without_a_version_answers_nothing(house: House) -> None:
    name = _new(house)["name"]
    sent = {"files": {"file": ("a.png", b"x")}, "data": {"model": name}}
    answer = house.client.post("/api/v1/inference/predict", headers=house.bearers[Role.ENGINEER], **sent)
    refusal(answer, 404, "version_not_found")


def test_the_list_is_narrowed_by_task_level_owner_and_rest(house: House) -> None:
    mark = uuid.uuid4().hex[:8]
    mine = _new(house, name=f"a-{mark}", task="detect", access_level="premium")["name"]
    other = _new(house, Role.ADMIN, name=f"b-{mark}", task="classify")["name"]
    headers = house.bearers[Role.ADMIN]

    def names(**wanted: Any) -> list[str]:
        query = {"search": mark, **wanted}
        return [
            each["name"] for each in house.client.get("/api/v1/models", params=query, headers=headers).json()["items"]
        ]

    assert names() == [mine, other]
    assert names(task="detect") == names(access_level="premium") == names(owner="the-engineer") == [mine]
    assert names(owner="the-admin") == [other]
    house.client.put(f"/api/v1/models/{mine}", json={"archived": True}, headers=headers).raise_for_status()
    assert (names(), names(archived=True)) == ([other], [mine])


@pytest.mark.parametrize(("field", "known"), [("task", list(Task)), ("access_level", ["public", "premium", "private"])])
def test_a_list_narrowed_by_what_there_is_not_is_refused_naming_what_there_is(
    house: House, field: str, known: list[str]
) -> None:
    answer = house.client.get("/api/v1/models", params={field: "nope"}, headers=house.bearers[Role.USER])
    refusal(answer, 422, "invalid_input")
    message = answer.json()["error"]["message"]
    assert field in message
    assert all(f"'{each}'" in message for each in known)


def test_a_version_tells_where_it_comes_from_and_how_it_came_in(house: House) -> None:
    actor, name = house.actor(Role.ENGINEER), f"new-{uuid.uuid4().hex[:8]}"
    card = BLOB_CARD.model_copy(update={"dataset": "spots 3", "git_commit": "0a1b2c3", "metrics": {"mAP50": 0.5}})
    take_in(house.platform.models, actor, blob_detector(), name, card=card)
    take_in(house.platform.models, actor, blob_detector(), name, card=card, parent=f"{name}/1")
    headers = house.bearers[Role.USER]
    [second, _] = house.client.get(f"/api/v1/models/{name}/versions", headers=headers).json()["items"]
    assert second["lineage"] | {"run_id": ""} == {
        "run_id": "", "dataset": "spots 3", "git_commit": "0a1b2c3", "source": "", "parent": f"{name}/1",
    }  # fmt: skip
    one = house.client.get(f"/api/v1/models/{name}/versions/2", headers=headers).json()
    assert [(step["name"], step["state"]) for step in one["intake"]["steps"]] == [
        ("receive", "done"), ("scan", "done"), ("convert", "skipped"), ("verify", "done"),
    ]  # fmt: skip
    assert one["lineage"] == second["lineage"]
    assert house.client.get(f"/api/v1/models/{name}", headers=headers).json()["metrics"] == {"mAP50": 0.5}
    refusal(house.client.get(f"/api/v1/models/{name}/versions/3", headers=headers), 404, "version_not_found")


def test_a_version_that_somebody_tampered_with_hides_no_other(house: House) -> None:
    actor, name, headers = house.actor(Role.ENGINEER), f"new-{uuid.uuid4().hex[:8]}", house.bearers[Role.ENGINEER]
    for _ in range(2):
        take_in(house.platform.models, actor, blob_detector(), name, card=BLOB_CARD)
    with house.platform.models.connected() as client:
        client.set_model_version_tag(name, "1", "nexusai.card_sha256", "/etc/passwd")
    told = house.client.get(f"/api/v1/models/{name}", headers=headers).json()
    assert [each["version"] for each in told["versions"]] == [2]
    assert [each["version"] for each in told["damaged"]] == [1]
    assert "nexusai.card_sha256" in told["damaged"][0]["detail"]
    assert "passwd" not in told["damaged"][0]["detail"]
    assert house.client.get(f"/api/v1/models/{name}/versions", headers=headers).json()["total"] == 1
    refusal(house.client.get(f"/api/v1/models/{name}/versions/1", headers=headers), 500, "integrity_failed")


@pytest.mark.parametrize(("alias", "version"), [("latest", 1), ("v1", 1), ("champion", True), ("champion", "1")])
def test_what_mlflow_keeps_for_itself_is_no_alias_and_what_is_no_number_no_version(
    house: House, alias: str, version: object
) -> None:
    name, headers = _new(house)["name"], house.bearers[Role.ENGINEER]
    refusal(
        house.client.put(f"/api/v1/models/{name}/aliases/{alias}", json={"version": version}, headers=headers),
        422,
        "invalid_input",
    )


def test_a_description_holds_nothing_that_cannot_be_seen(house: House) -> None:
    name, headers = _new(house)["name"], house.bearers[Role.ENGINEER]
    path = f"/api/v1/models/{name}"
    for text in (
        "Line 3\n\nof two lines",
        "10\u00a0mm",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f468\u200d\U0001f469",
    ):
        house.client.put(path, json={"description": text}, headers=headers).raise_for_status()
    for hidden in ("a\0b", "a\u202eb", "a\u200bb"):
        refusal(house.client.put(path, json={"description": hidden}, headers=headers), 422, "invalid_input")


def test_an_alias_tells_who_moved_it(house: House) -> None:
    name, headers = (
        house.model(f"new-{uuid.uuid4().hex[:8]}", house.actor(Role.ENGINEER), "authenticated"),
        house.bearers,
    )
    house.model(name, house.actor(Role.ENGINEER), "authenticated")
    path = f"/api/v1/models/{name}/aliases/{CHAMPION}"
    house.client.post(f"{path}/rollback", headers=headers[Role.ADMIN]).raise_for_status()
    told = house.client.get(path, headers=headers[Role.USER]).json()
    assert told["version"] == 1
    assert [(move["from"], move["to"], move["by"]) for move in told["moves"]] == [
        (2, 1, "the-admin"), (1, 2, "the-engineer"), (None, 1, "the-engineer"),
    ]  # fmt: skip
    assert house.client.delete(path, headers=headers[Role.ADMIN]).status_code == 204
    told = house.client.get(path, headers=headers[Role.USER]).json()
    assert (told["version"], told["moves"][0]["to"]) == (None, None)
    refusal(house.client.delete(path, headers=headers[Role.ADMIN]), 404, "alias_not_found")


def test_a_grant_takes_a_name_and_is_listed(house: House) -> None:
    name, owner = _new(house, access_level="private")["name"], house.bearers[Role.ENGINEER]
    somebody = house.somebody()
    path = f"/api/v1/models/{name}"
    house.client.post(f"{path}/grant-access/{somebody.username.upper()}", headers=owner).raise_for_status()
    listed = [{"user_id": somebody.id, "username": somebody.username}]
    wanted = {"items": listed, "total": 1, "page": 1, "size": 50}
    assert house.client.get(f"{path}/grants", headers=owner).json() == wanted
    assert house.client.get(path, headers=house.sign_in(somebody)).status_code == 200
    refusal(house.client.get(f"{path}/grants", headers=house.sign_in(somebody)), 403, "forbidden")
    refusal(house.client.post(f"{path}/grant-access/nobody-here", headers=owner), 404, "user_not_found")
    house.client.delete(f"{path}/revoke-access/{somebody.id}", headers=owner).raise_for_status()
    assert house.client.get(path, headers=house.sign_in(somebody)).status_code == 404
