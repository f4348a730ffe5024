"""Requests about jobs, schedules, videos, datasets and trainings."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from registry.access.actor import of_user
from registry.jobs.batch_parameters import BatchParameters
from registry.jobs.files import JobFiles
from registry.jobs.schedules import Plan
from registry.records import JobState, Role, User, jobs
from registry.testing.films import keep_recorded
from registry.testing.odd_videos import tiny_video
from registry.testing.onnx_models import blob_detector
from registry.training.datasets.changes import NewVersion
from registry.vision.encoding import encode_png
from tests.contract.asking import DIGIT_CARD, NIGHTLY, Ask, Prepare, model_of, unique
from tests.contract.conftest import House

FILMED_AT = datetime(2026, 5, 6, 8, tzinfo=UTC)


def on_digits(owner: Role, level: str) -> Prepare:
    """On a model that can be measured on the starter dataset: one that tells digits."""

    def prepare(house: House, _role: Role) -> Ask:
        name = f"digits-of-{owner}-{level}-{house.platform.settings.home.parent.name}"
        known = {model.name for model in house.platform.models.list(house.actor(Role.ADMIN), size=500)[0]}
        if name not in known:
            house.publish(name, house.actor(owner), level, blob_detector(), DIGIT_CARD)
        return Ask({"model_id": name}, body={"dataset": "starter"})

    return prepare


def tuned_weekly(house: House, role: Role) -> Ask:
    name = on_digits(Role.ENGINEER, "authenticated")(house, role).path["model_id"]
    plan = {"kind": "tune", "parameters": {"model": name, "dataset": "starter"}, "cron": "0 1 * * 6"}
    return Ask(body={"name": unique("weekly"), **plan})


def nightly(_house: House, _role: Role) -> Ask:
    return Ask(body={**NIGHTLY, "name": unique("nightly")})


def schedule_of(house: House, user: User, plan: Plan) -> Ask:
    return Ask({"schedule_id": house.platform.schedules.create(of_user(user, "token"), plan).id})


def own_schedule(house: House, role: Role) -> Ask:
    """One of an engineer's or administrator's own; the others have none, and get some id."""
    if role not in (Role.ENGINEER, Role.ADMIN):
        return Ask({"schedule_id": "0" * 32})
    plan = Plan(**tuned_weekly(house, role).body)
    return schedule_of(house, house.people[role], plan)


def foreign_schedule(house: House, _role: Role) -> Ask:
    return schedule_of(house, house.somebody(Role.ADMIN), Plan(**tuned_weekly(house, Role.ADMIN).body))


def admins_schedule(house: House, role: Role) -> Ask:
    wanted = nightly(house, role).body
    ask = schedule_of(house, house.people[Role.ADMIN], Plan(**wanted))
    return Ask(ask.path, body={**wanted, "cron": "30 4 * * *"})


def no_clean_up(house: House, _role: Role) -> Ask:
    """While none waits: of two the second is refused."""
    admin = house.actor(Role.ADMIN)
    for job in house.platform.jobs.page(admin, kind="clean", state="queued")[0]:
        house.platform.jobs.cancel(admin, job.id)
    return Ask(body={"job_days": 60})


def batch_by(owner: Role, level: str) -> Prepare:
    find = model_of(owner, level)

    def prepare(house: House, role: Role) -> Ask:
        png = encode_png(np.full((32, 32, 3), house.count(), np.uint8))
        return Ask(body=([("files", ("a.png", png)), ("files", ("b.png", png))], {"model": find(house, role)}))

    return prepare


def video_by(owner: Role, level: str) -> Prepare:
    find = model_of(owner, level)

    def prepare(house: House, role: Role) -> Ask:
        fields = {"model": find(house, role), "fps": "1", "confidence": f"0.{house.count():04d}1"}
        return Ask(body=({"file": ("a.mp4", tiny_video())}, fields))

    return prepare


def video_on_server(house: House, role: Role) -> Ask:
    """A file in no folder that jobs may read: staff are told that there is none."""
    return Ask(body={"model": model_of(Role.ENGINEER, "authenticated")(house, role), "path": "/etc/passwd"})


def video_of_camera(house: House, role: Role) -> Ask:
    """Of a camera that there is not: who may not export recordings does not learn that."""
    model, times = model_of(Role.ENGINEER, "authenticated")(house, role), ("2026-05-04T08:00Z", "2026-05-04T08:01Z")
    return Ask(body={"model": model, "camera": "none", "from": times[0], "to": times[1]})


def video_recorded(house: House, role: Role) -> Ask:
    """Of what a camera recorded that is gone."""
    model, begun = model_of(Role.ENGINEER, "authenticated")(house, role), FILMED_AT + timedelta(minutes=house.count())
    keep_recorded(house.platform.database, house.platform.settings.recordings, "filmed", "filmed", begun)
    times = (begun.isoformat(), (begun + timedelta(seconds=2)).isoformat())
    return Ask(body={"model": model, "camera": "filmed", "from": times[0], "to": times[1]})


def job_of(house: House, user: User) -> Ask:
    parameters = BatchParameters(model="m", version=1, source="upload")
    return Ask({"job_id": house.platform.jobs.start(of_user(user, "token"), "batch", parameters).id})


def own_job(house: House, role: Role) -> Ask:
    return job_of(house, house.people[role])


def foreign_job(house: House, _role: Role) -> Ask:
    return job_of(house, house.somebody())


def failed(house: House, ask: Ask) -> Ask:
    with house.platform.database.write() as session:
        jobs.end(session, ask.path["job_id"], 0, JobState.FAILED, error={"message": "?", "hint": "", "details": {}})
    return ask


def own_failed_job(house: House, role: Role) -> Ask:
    return failed(house, own_job(house, role))


def foreign_failed_job(house: House, role: Role) -> Ask:
    return failed(house, foreign_job(house, role))


def ended_with_output(house: House, ask: Ask) -> Ask:
    """The job with one result."""
    job_id, name = ask.path["job_id"], "results.jsonl"
    size = JobFiles(house.platform.storage, job_id).put("results", f"0/{name}", b"{}\n")
    result = {"files": [{"name": name, "key": f"0/{name}", "size_bytes": size}]}
    with house.platform.database.write() as session:
        jobs.end(session, job_id, 0, JobState.SUCCEEDED, result=result)
    return Ask({**ask.path, "name": name})


def own_output(house: House, role: Role) -> Ask:
    return ended_with_output(house, own_job(house, role))


def foreign_output(house: House, role: Role) -> Ask:
    return ended_with_output(house, foreign_job(house, role))


def dataset_zip() -> bytes:
    """Two pictures with a box each, in the YOLO layout."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("data.yaml", "names: [spot]")
        for number in range(2):
            archive.writestr(f"images/train/{number}.png", encode_png(np.full((32, 32, 3), 90 * number, np.uint8)))
            archive.writestr(f"labels/train/{number}.txt", "0 0.5 0.5 0.5 0.5")
    return out.getvalue()


def on_dataset(owner: Role, level: str = "authenticated", body: Any = None, **more: str) -> Prepare:
    """On a dataset of this owner and level, made where there is none; `more` fills the path, or as q_… the query."""

    def prepare(house: House, _role: Role) -> Ask:
        name, actor = f"of-{owner}-{level}", house.actor(owner)
        if name not in {each.record.name for each in house.platform.datasets.list(house.actor(Role.ADMIN))[0]}:
            new = NewVersion(name, access_level=level)  # type: ignore[arg-type]
            house.platform.dataset_changes.receive(actor, iter([dataset_zip()]), new)
        path = {"name": name} | {key: value for key, value in more.items() if not key.startswith("q_")}
        return Ask(path, {key[2:]: value for key, value in more.items() if key.startswith("q_")}, body)

    return prepare


def import_of_a_zip(house: House, role: Role) -> Ask:
    return Ask(body=({"file": ("d.zip", dataset_zip())}, {"name": unique("set")}))


def lesson_zip() -> bytes:
    """Four pictures with a blob each, in three splits."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        lines = "".join(f"{split}: images/{split}\n" for split in ("train", "val", "test"))
        archive.writestr("data.yaml", f"{lines}names: [blob]\n")
        for number, split in enumerate(("train", "train", "val", "test")):
            noise = np.random.default_rng(number).integers(0, 255, (32, 32, 3), np.uint8)
            archive.writestr(f"images/{split}/{number}.png", encode_png(noise))
            archive.writestr(f"labels/{split}/{number}.txt", "0 0.5 0.5 0.5 0.5\n")
    return packed.getvalue()


def train_by(owner: Role, level: str, *, renamed: bool = True) -> Prepare:
    """A training from nothing on a dataset that everybody may use, published under a new name or the model's own."""
    find = model_of(owner, level)

    def prepare(house: House, role: Role) -> Ask:
        admin = house.actor(Role.ADMIN)
        if "lesson" not in {each.record.name for each in house.platform.datasets.list(admin)[0]}:
            house.platform.dataset_changes.receive(admin, iter([lesson_zip()]), NewVersion("lesson"))
        body = {"dataset": "lesson", "epochs": 1, "architecture": {"width": 0.125}, "new_classes": True}
        named = {"name": unique("pupil")} if renamed else {"seed": house.count()}
        return Ask({"model_id": find(house, role)}, body=body | named)

    return prepare
