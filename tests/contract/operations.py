"""Every operation of the API with the request that tries it, and what each role is answered."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from registry.access.actor import of_user
from registry.errors import ModelNotFound
from registry.models.gallery import Embedder
from registry.models.intake import Wanted
from registry.models.types import CHAMPION
from registry.records import Role, User
from registry.testing.onnx_models import BLOB_CARD, COLOUR_EMBED_CARD, blob_detector, colour_embedder
from registry.training.datasets.sample import sample_id
from registry.vision.encoding import encode_png
from tests.contract.asking import Ask, Prepare, about_model, at, given, model_of, unique
from tests.contract.asking_cameras import (
    asked_camera,
    asked_receiver,
    doomed_events,
    film_camera,
    on_camera,
    on_event,
    on_group,
    on_receiver,
    recorded,
    recorded_time,
)
from tests.contract.asking_work import (
    admins_schedule,
    batch_by,
    foreign_failed_job,
    foreign_job,
    foreign_output,
    foreign_schedule,
    import_of_a_zip,
    nightly,
    no_clean_up,
    on_dataset,
    on_digits,
    own_failed_job,
    own_job,
    own_output,
    own_schedule,
    train_by,
    tuned_weekly,
    video_by,
    video_of_camera,
    video_on_server,
    video_recorded,
)
from tests.contract.conftest import PASSWORD, House

ROLES = (Role.USER, Role.OPERATOR, Role.ENGINEER, Role.ADMIN)
EVERYBODY, NOBODY = "ok ok ok ok", "403 403 403 403"
STAFF, BUILDERS, ADMINS = "403 ok ok ok", "403 403 ok ok", "403 403 403 ok"
PUBLIC = frozenset({("post", "/auth/login"), ("post", "/auth/refresh"), ("post", "/auth/register")})


@dataclass(frozen=True)
class Row:
    """What the roles are answered, and how the request is made; `on` says on whose object."""

    method: str
    path: str
    expected: str
    on: str = ""
    prepare: Prepare = lambda _house, _role: Ask()


def _granted(owner: Role) -> Prepare:
    on_model = about_model(owner, "authenticated", user_id="")

    def prepare(house: House, role: Role) -> Ask:
        ask = on_model(house, role)
        house.platform.model_changes.grant(house.actor(Role.ADMIN), ask.path["model_id"], ask.path["user_id"])
        return ask

    return prepare


def _new_model(house: House, _role: Role) -> Ask:
    return Ask({"model_id": house.model(unique("gone"), house.actor(Role.ADMIN), "authenticated")})


def _second_version(house: House, role: Role) -> Ask:
    path = _new_model(house, role).path
    house.model(path["model_id"], house.actor(Role.ADMIN), "authenticated")
    return Ask({**path, "version": "1"})


def _moved_twice(house: House, role: Role) -> Ask:
    path = _second_version(house, role).path
    for version in (1, 2):
        house.platform.models.set_alias(house.actor(Role.ADMIN), path["model_id"], CHAMPION, version)
    return Ask({"model_id": path["model_id"], "alias": "champion"})


def _named_champion(house: House, role: Role) -> Ask:
    return Ask({**_new_model(house, role).path, "alias": CHAMPION})


def _on_user(body: Any = None) -> Prepare:
    return lambda house, _role: Ask({"user_id": house.somebody().id}, body=body)


def _on_sleeper(house: House, role: Role) -> Ask:
    user = house.somebody()
    house.platform.people.set_active(house.actor(Role.ADMIN), user.id, active=False)
    return Ask({"user_id": user.id})


def _own_key(house: House, role: Role) -> Ask:
    return Ask(query={"id": house.platform.keys.make(house.actor(role), "mine", ["read"]).record.id})


def _foreign_key(house: House, _role: Role) -> Ask:
    other = of_user(house.somebody(), "token")
    return Ask(query={"id": house.platform.keys.make(other, "theirs", ["read"]).record.id})


def _picture(owner: Role, level: str) -> Prepare:
    find = model_of(owner, level)
    png = encode_png(np.zeros((64, 64, 3), np.uint8))
    return lambda house, role: Ask(body=({"file": ("a.png", png)}, {"model": find(house, role)}))


def _new_password(house: House, role: Role) -> Ask:
    body = {"current_password": PASSWORD, "new_password": f"{PASSWORD} again"}
    return Ask(body=body, by=house.somebody(role))


def _session_of(house: House, user: User) -> Ask:
    house.platform.sessions.exchange(house.platform.accounts.code_for(user))
    newest = house.platform.sign_ins.list(of_user(user, "session"))[0]
    return Ask({"session_id": newest.id})


def _own_session(house: House, role: Role) -> Ask:
    return _session_of(house, house.people[role])


def _foreign_session(house: House, _role: Role) -> Ask:
    return _session_of(house, house.somebody())


def _new_setting(_house: House, _role: Role) -> Ask:
    return Ask(body={"key": unique("line").replace("-", "."), "value": 2, "title": "Line"})


def _custom_setting(house: House, role: Role) -> Ask:
    body = _new_setting(house, role).body
    house.platform.editor.create(house.actor(Role.ADMIN), **body)
    return Ask({"key": body["key"]})


def _changed_setting(key: str, value: int) -> Prepare:
    def prepare(house: House, _role: Role) -> Ask:
        house.platform.editor.set(house.actor(Role.ADMIN), key, value)
        return Ask({"key": key})

    return prepare


def _upload(_house: House, _role: Role) -> Ask:
    return Ask(
        body=({"file": ("m.onnx", blob_detector())}, {"name": unique("up"), "card": BLOB_CARD.model_dump_json()})
    )


def _starter(house: House, _role: Role) -> Ask:
    """One to pull that nobody has: other platforms of the tests publish into the same MLflow."""
    with suppress(ModelNotFound):
        house.platform.model_changes.delete(house.actor(Role.ADMIN), "digit-classifier")
    return Ask({"name": "digit-classifier"})


def _uploaded(house: House, _role: Role) -> Ask:
    wanted = Wanted(unique("up"), BLOB_CARD, "", "", "authenticated", "")
    if not house.upload_id:
        sent = house.platform.uploads.start(house.actor(Role.ENGINEER), iter([blob_detector()]), wanted)
        house.upload_id = sent.id
    return Ask({"upload_id": house.upload_id})


def _embedder(house: House, level: str) -> str:
    name = f"embedder-{level}-{house.platform.settings.home.parent.name}"
    known = {model.name for model in house.platform.models.list(house.actor(Role.ADMIN), size=500)[0]}
    if name not in known:
        house.publish(name, house.actor(Role.ADMIN), level, colour_embedder(), COLOUR_EMBED_CARD)
    return name


def _embedded(level: str, **fields: str) -> Prepare:
    png = encode_png(np.full((32, 32, 3), 90, np.uint8))
    return lambda house, _role: Ask(body=({"file": ("a.png", png)}, {"model": _embedder(house, level), **fields}))


def _entry_of(house: House, user: User) -> Ask:
    embedder = Embedder(_embedder(house, "authenticated"))
    picture = np.full((32, 32, 3), 90, np.uint8)
    made = house.platform.gallery.enrol(of_user(user, "token"), picture, embedder, "Ada")
    return Ask({"entry_id": made.id})


def _own_entry(house: House, role: Role) -> Ask:
    return _entry_of(house, house.people[role])


def _foreign_entry(house: House, _role: Role) -> Ask:
    return _entry_of(house, house.somebody())


def _enrolled_label(house: House, role: Role) -> Ask:
    _own_entry(house, role)
    return Ask(query={"label": "Ada"})


def _result_of(house: House, user: User) -> Ask:
    """A result that a page kept for somebody."""
    actor, serving = of_user(user, "session"), house.platform.serving
    picture = np.full((32, 32, 3), 90, np.uint8)
    answer = serving.predict(actor, picture, model=_embedder(house, "authenticated"))
    kept = house.platform.history.keep(actor, answer, "a.png")
    assert kept is not None
    return Ask({"result_id": kept.id})


def _own_result(house: House, role: Role) -> Ask:
    return _result_of(house, house.people[role])


def _foreign_result(house: House, _role: Role) -> Ask:
    return _result_of(house, house.somebody())


_ALIAS = {"version": 1}
_SAMPLE = sample_id("0.png")
TABLE = [
    Row("get", "/auth/me", EVERYBODY),
    Row("put", "/auth/me", EVERYBODY, prepare=given({"full_name": "Some Body"})),
    Row("put", "/auth/password", EVERYBODY, prepare=_new_password),
    Row("post", "/auth/logout", EVERYBODY),
    Row("get", "/auth/sessions", EVERYBODY),
    Row("delete", "/auth/sessions", EVERYBODY),
    Row("delete", "/auth/sessions/{session_id}", EVERYBODY, "own", _own_session),
    Row("delete", "/auth/sessions/{session_id}", "404 404 404 404", "foreign", _foreign_session),
    Row("post", "/auth/api-key/generate", EVERYBODY, prepare=given({"name": "k", "scopes": ["read"]})),
    Row("get", "/auth/api-keys", EVERYBODY),
    Row("delete", "/auth/api-key/revoke", EVERYBODY, "own", _own_key),
    Row("delete", "/auth/api-key/revoke", "404 404 404 404", "foreign", _foreign_key),
    Row("get", "/models", EVERYBODY),
    Row("get", "/models/{model_id}", EVERYBODY, "shared", about_model(Role.ENGINEER, "authenticated")),
    Row("get", "/models/{model_id}", "404 404 ok ok", "premium", about_model(Role.ADMIN, "premium")),
    Row("get", "/models/{model_id}", "404 404 404 ok", "private", about_model(Role.ADMIN, "private")),
    Row("get", "/models/{model_id}", "404 404 ok ok", "the engineer's private", about_model(Role.ENGINEER, "private")),
    Row("get", "/models/{model_id}/versions", EVERYBODY, "shared", about_model(Role.ENGINEER, "authenticated")),
    Row("get", "/models/{model_id}/versions", "404 404 404 ok", "private", about_model(Role.ADMIN, "private")),
    Row("post", "/models", BUILDERS, prepare=lambda _h, _r: Ask(body={"name": unique("empty"), "task": "detect"})),
    *(
        Row("get", path, expected, on, about_model(owner, level, **extra))
        for path, extra in (
            ("/models/{model_id}/versions/{version}", {"version": "1"}),
            ("/models/{model_id}/aliases/{alias}", {"alias": "champion"}),
        )
        for expected, on, owner, level in (
            (EVERYBODY, "shared", Role.ENGINEER, "authenticated"),
            ("404 404 404 ok", "private", Role.ADMIN, "private"),
        )
    ),
    *(
        Row("get", "/models/{model_id}/grants", expected, on, about_model(owner, level))
        for expected, on, owner, level in (
            ("403 403 ok ok", "the engineer's own", Role.ENGINEER, "authenticated"),
            ("403 403 403 ok", "shared", Role.ADMIN, "authenticated"),
            ("404 404 404 ok", "private", Role.ADMIN, "private"),
        )
    ),
    Row(
        "put", "/models/{model_id}/aliases/{alias}", "403 403 ok ok", "the engineer's own",
        about_model(Role.ENGINEER, "authenticated", _ALIAS, alias="tested"),
    ),
    Row(
        "put", "/models/{model_id}/aliases/{alias}", "403 403 403 ok", "shared",
        about_model(Role.ADMIN, "authenticated", _ALIAS, alias="tested"),
    ),
    Row(
        "put", "/models/{model_id}/aliases/{alias}", "404 404 404 ok", "private",
        about_model(Role.ADMIN, "private", _ALIAS, alias="tested"),
    ),
    Row("post", "/inference/predict", EVERYBODY, "shared", _picture(Role.ENGINEER, "authenticated")),
    Row("post", "/inference/predict", "404 404 404 ok", "private", _picture(Role.ADMIN, "private")),
    *(
        Row(method, path, expected, on, about_model(owner, level, body, **extra))
        for method, path, body, extra in (
            ("put", "/models/{model_id}", {"description": "light spots"}, {}),
            ("post", "/models/{model_id}/grant-access/{user_id}", None, {"user_id": ""}),
        )
        for expected, on, owner, level in (
            ("403 403 ok ok", "the engineer's own", Role.ENGINEER, "authenticated"),
            ("403 403 403 ok", "shared", Role.ADMIN, "authenticated"),
            ("404 404 404 ok", "private", Role.ADMIN, "private"),
        )
    ),
    Row("delete", "/models/{model_id}/revoke-access/{user_id}", "403 403 ok ok", "own", _granted(Role.ENGINEER)),
    Row("delete", "/models/{model_id}/revoke-access/{user_id}", "403 403 403 ok", "shared", _granted(Role.ADMIN)),
    Row("delete", "/models/{model_id}", "403 403 403 ok", "shared", _new_model),
    Row("delete", "/models/{model_id}/versions/{version}", "403 403 403 ok", "shared", _second_version),
    Row("post", "/models/{model_id}/aliases/{alias}/rollback", "403 403 403 ok", "shared", _moved_twice),
    Row("delete", "/models/{model_id}/aliases/{alias}", "403 403 403 ok", "shared", _named_champion),
    Row(
        "get", "/models/{model_id}/versions/{version}/tuning", EVERYBODY, "shared",
        about_model(Role.ENGINEER, "authenticated", version="1"),
    ),
    Row(
        "get", "/models/{model_id}/versions/{version}/tuning", "404 404 404 ok", "private",
        about_model(Role.ADMIN, "private", version="1"),
    ),
    *(
        Row("post", f"/models/{{model_id}}/{measure}", expected, on, on_digits(owner, level))
        for measure in ("optimise", "tune")
        for expected, on, owner, level in (
            ("403 403 ok ok", "the engineer's own", Role.ENGINEER, "authenticated"),
            ("403 403 403 ok", "shared", Role.ADMIN, "authenticated"),
            ("404 404 404 ok", "private", Role.ADMIN, "private"),
        )
    ),
    Row("post", "/models/upload", BUILDERS, prepare=_upload),
    Row("get", "/models/catalogue", EVERYBODY),
    Row("post", "/models/catalogue/{name}/pull", BUILDERS, prepare=_starter),
    Row("get", "/models/uploads/{upload_id}", "404 404 ok ok", "the engineer's own", _uploaded),
    Row("post", "/models/{model_id}/train", BUILDERS, "shared", train_by(Role.ENGINEER, "authenticated")),
    Row("post", "/models/{model_id}/train", "403 403 404 ok", "private", train_by(Role.ADMIN, "private")),
    Row(
        "post", "/models/{model_id}/train", ADMINS, "of somebody else, under its own name",
        train_by(Role.ADMIN, "authenticated", renamed=False),
    ),
    Row("post", "/inference/batch", EVERYBODY, "shared", batch_by(Role.ENGINEER, "authenticated")),
    Row("post", "/inference/batch", "404 404 404 ok", "private", batch_by(Role.ADMIN, "private")),
    Row("post", "/inference/video", EVERYBODY, "shared", video_by(Role.ENGINEER, "authenticated")),
    Row("post", "/inference/video", "404 404 404 ok", "private", video_by(Role.ADMIN, "private")),
    Row("post", "/inference/video", "403 404 404 404", "on the server", video_on_server),
    Row("post", "/inference/video", "403 404 404 404", "of a camera", video_of_camera),
    Row("post", "/inference/video", "403 ok ok ok", "recorded", video_recorded),
    Row("get", "/inference/jobs", EVERYBODY),
    Row("get", "/inference/jobs/{job_id}", EVERYBODY, "own", own_job),
    Row("get", "/inference/jobs/{job_id}", "404 404 404 ok", "foreign", foreign_job),
    Row("delete", "/inference/jobs/{job_id}", EVERYBODY, "own", own_job),
    Row("delete", "/inference/jobs/{job_id}", "404 404 404 ok", "foreign", foreign_job),
    Row("post", "/inference/jobs/{job_id}/retry", EVERYBODY, "own", own_failed_job),
    Row("post", "/inference/jobs/{job_id}/retry", "404 404 404 ok", "foreign", foreign_failed_job),
    Row("get", "/inference/jobs/{job_id}/results/{name}", EVERYBODY, "own", own_output),
    Row("get", "/inference/jobs/{job_id}/results/{name}", "404 404 404 ok", "foreign", foreign_output),
    Row("get", "/schedules", STAFF),
    Row("post", "/schedules", ADMINS, "a clean-up", nightly),
    Row("post", "/schedules", BUILDERS, "a tune of the engineer's", tuned_weekly),
    *(
        Row(method, path, expected, on, prepare)
        for method, path in (("get", "/schedules/{schedule_id}"), ("post", "/schedules/{schedule_id}/run"))
        for expected, on, prepare in (
            ("403 404 ok ok", "own", own_schedule),
            ("403 404 404 ok", "foreign", foreign_schedule),
        )
    ),
    Row("put", "/schedules/{schedule_id}", "403 404 404 ok", "an administrator's", admins_schedule),
    Row("delete", "/schedules/{schedule_id}", "403 404 ok ok", "own", own_schedule),
    Row("delete", "/schedules/{schedule_id}", "403 404 404 ok", "foreign", foreign_schedule),
    Row("post", "/care/clean", ADMINS, prepare=no_clean_up),
    Row("post", "/care/backup", ADMINS, prepare=given({"keep": 3})),
    Row("get", "/inference/gallery", EVERYBODY),
    Row("post", "/inference/enrol", EVERYBODY, "shared", _embedded("authenticated", label="Ada")),
    Row("post", "/inference/enrol", "404 404 404 ok", "private", _embedded("private", label="Ada")),
    Row("post", "/inference/identify", EVERYBODY, "shared", _embedded("authenticated")),
    Row("delete", "/inference/gallery/{entry_id}", EVERYBODY, "own", _own_entry),
    Row("delete", "/inference/gallery/{entry_id}", "404 404 404 404", "foreign", _foreign_entry),
    Row("get", "/datasets", EVERYBODY),
    Row("post", "/datasets", BUILDERS, prepare=import_of_a_zip),
    Row("post", "/datasets/imports", BUILDERS, prepare=import_of_a_zip),
    *(
        Row("get", f"/datasets/{{name}}{path}", expected, on, on_dataset(Role.ADMIN, level, **more))
        for path, more in (
            ("", {}),
            ("/versions", {}),
            ("/diff", {"q_from": "1", "q_to": "1"}),
            ("/versions/{version}/samples", {"version": "1"}),
            ("/versions/{version}/samples/{sample_id}", {"version": "1", "sample_id": _SAMPLE}),
            ("/versions/{version}/samples/{sample_id}/image", {"version": "1", "sample_id": _SAMPLE}),
            ("/versions/{version}/statistics", {"version": "1"}),
            ("/versions/{version}/report", {"version": "1"}),
            ("/versions/{version}/export", {"version": "1", "q_format": "coco"}),
        )
        for expected, on, level in ((EVERYBODY, "shared", "authenticated"), ("404 404 404 ok", "private", "private"))
    ),
    *(
        Row(method, f"/datasets/{{name}}{path}", expected, on, on_dataset(owner, level, body, **more))
        for method, path, body, more in (
            ("put", "", {"description": "spots"}, {}),
            ("post", "/versions/{version}/push", None, {"version": "1"}),
        )
        for expected, on, owner, level in (
            (BUILDERS, "the engineer's own", Role.ENGINEER, "authenticated"),
            (ADMINS, "shared", Role.ADMIN, "authenticated"),
            ("404 404 404 ok", "private", Role.ADMIN, "private"),
        )
    ),
    Row(
        "post", "/datasets/{name}/versions/{version}/split", ADMINS, "shared",
        on_dataset(Role.ADMIN, "authenticated", {"by": "group"}, version="1"),
    ),
    Row("delete", "/datasets/{name}", ADMINS, "shared", on_dataset(Role.ADMIN, "authenticated")),
    Row("get", "/inference/galleries", EVERYBODY),
    Row("delete", "/inference/gallery", EVERYBODY, "own", _enrolled_label),
    Row("delete", "/inference/gallery", "404 404 404 404", "nobody", lambda _h, _r: Ask(query={"label": "Nobody"})),
    Row("get", "/inference/history", EVERYBODY),
    Row("get", "/inference/history/{result_id}", EVERYBODY, "own", _own_result),
    Row("get", "/inference/history/{result_id}", "404 404 404 404", "foreign", _foreign_result),
    Row("delete", "/inference/history/{result_id}", EVERYBODY, "own", _own_result),
    Row("delete", "/inference/history/{result_id}", "404 404 404 404", "foreign", _foreign_result),
    Row("delete", "/inference/history", EVERYBODY),
    Row("get", "/recordings", STAFF),
    Row("get", "/recordings/{recording_id}", STAFF, prepare=recorded),
    Row("delete", "/recordings/{recording_id}", BUILDERS, prepare=recorded),
    Row("get", "/cameras/{camera_id}/recording", STAFF, prepare=recorded_time),
    Row("get", "/notifications", BUILDERS),
    Row("post", "/notifications", BUILDERS, prepare=asked_receiver),
    Row("get", "/notifications/{receiver_id}", BUILDERS, prepare=on_receiver),
    Row("put", "/notifications/{receiver_id}", BUILDERS, prepare=on_receiver),
    Row("delete", "/notifications/{receiver_id}", BUILDERS, prepare=on_receiver),
    Row("post", "/notifications/{receiver_id}/test", "403 403 503 503", "one that cannot be reached", on_receiver),
    Row("get", "/users", ADMINS),
    Row("post", "/users", ADMINS, prepare=lambda _h, _r: Ask(body={"username": unique("u"), "password": PASSWORD})),
    Row("get", "/users/{user_id}", ADMINS, prepare=_on_user()),
    Row("put", "/users/{user_id}", ADMINS, prepare=_on_user({"full_name": "Some Body"})),
    Row("delete", "/users/{user_id}", ADMINS, prepare=_on_user()),
    Row("post", "/users/{user_id}/activate", ADMINS, prepare=_on_sleeper),
    Row("post", "/users/{user_id}/deactivate", ADMINS, prepare=_on_user()),
    Row("put", "/users/{user_id}/role", ADMINS, prepare=_on_user({"role": "operator"})),
    Row("put", "/users/{user_id}/password", ADMINS, prepare=_on_user({"password": "another horse battery"})),
    Row("get", "/users/{user_id}/activity", ADMINS, prepare=_on_user()),
    Row("get", "/settings", STAFF),
    Row("get", "/settings/categories", STAFF),
    Row("get", "/settings/by-category/{category}", STAFF, prepare=at(category="limits")),
    Row("get", "/settings/{key}", STAFF, prepare=at(key="notice")),
    Row("post", "/settings", ADMINS, prepare=_new_setting),
    Row("put", "/settings/{key}", ADMINS, "an administrator's", at({"value": 700}, key="limit_address")),
    Row("put", "/settings/{key}", BUILDERS, "an engineer's", at({"value": 91}, key="jpeg_quality")),
    Row("delete", "/settings/{key}", ADMINS, prepare=_custom_setting),
    Row("post", "/settings/bulk-update", ADMINS, prepare=given({"settings": {"limit_address": 701}})),
    Row("post", "/settings/bulk-update", BUILDERS, "an engineer's", given({"settings": {"jpeg_quality": 92}})),
    Row("post", "/settings/reset/{key}", ADMINS, "an administrator's", _changed_setting("limit_address", 702)),
    Row("post", "/settings/reset/{key}", BUILDERS, "an engineer's", _changed_setting("jpeg_quality", 93)),
    Row("get", "/cameras", STAFF),
    Row("post", "/cameras", BUILDERS, prepare=asked_camera),
    Row("post", "/cameras/test", BUILDERS, prepare=film_camera),
    Row("get", "/cameras/{camera_id}", STAFF, prepare=on_camera()),
    Row("put", "/cameras/{camera_id}", BUILDERS, prepare=on_camera({"analysed_fps": 2})),
    Row("delete", "/cameras/{camera_id}", BUILDERS, prepare=on_camera()),
    Row("post", "/cameras/{camera_id}/start", STAFF, prepare=on_camera()),
    Row("post", "/cameras/{camera_id}/stop", STAFF, prepare=on_camera()),
    Row("get", "/cameras/{camera_id}/events", STAFF, prepare=on_camera()),
    Row("get", "/cameras/{camera_id}/stream-info", STAFF, prepare=on_camera()),
    Row("get", "/cameras/{camera_id}/snapshot", STAFF.replace("ok", "409"), prepare=on_camera()),  # it is stopped
    Row("get", "/camera-groups", STAFF),
    Row("post", "/camera-groups", BUILDERS, prepare=lambda _h, _r: Ask(body={"name": unique("group")})),
    Row("get", "/camera-groups/{group_id}", STAFF, prepare=on_group()),
    Row("put", "/camera-groups/{group_id}", BUILDERS, prepare=on_group({"description": "north"})),
    Row("delete", "/camera-groups/{group_id}", BUILDERS, prepare=on_group()),
    Row("get", "/camera-events", STAFF),
    Row("get", "/camera-events/counts", STAFF),
    Row("get", "/camera-events/export", STAFF),
    Row("post", "/camera-events/delete", BUILDERS, prepare=doomed_events),
    Row("get", "/camera-events/{event_id}", STAFF, prepare=on_event),
    Row("delete", "/camera-events/{event_id}", BUILDERS, prepare=on_event),
    Row("get", "/camera-events/{event_id}/snapshot", STAFF, prepare=on_event),
    Row("get", "/camera-events/{event_id}/thumbnail", STAFF, prepare=on_event),
    Row("get", "/camera-events/{event_id}/clip", STAFF, prepare=on_event),
    Row("get", "/audit", ADMINS),
    Row("get", "/audit/export", ADMINS),
    Row("get", "/audit/verify", ADMINS),
]  # fmt: skip


def operations(house: House) -> set[tuple[str, str]]:
    """Method and path of everything the OpenAPI document names."""
    document = house.client.get("/api/v1/openapi.json").raise_for_status().json()
    return {(method, path) for path, item in document["paths"].items() for method in item}


def send(house: House, row: Row, ask: Ask, headers: dict[str, str]) -> httpx.Response:
    """Ask for real."""
    options: dict[str, Any] = {"params": ask.query, "headers": headers}
    if isinstance(ask.body, tuple):
        options |= {"files": ask.body[0], "data": ask.body[1]}
    elif ask.body is not None:
        options["json"] = ask.body
    return house.client.request(row.method.upper(), f"/api/v1{row.path.format(**ask.path)}", **options)
