"""A training from the dataset to the new version, as a job."""

import io
import json
from typing import TYPE_CHECKING

import pandas as pd

from registry.models.files import CHECKPOINT, sha256_of
from registry.models.types import CHAMPION
from registry.records import JobState
from registry.vision.images import decode_image

if TYPE_CHECKING:
    from tests.registry.training.finetune.conftest import School

FILES = {
    "classes.parquet",
    "confusion.parquet",
    "confusion.png",
    "epochs.parquet",
    "epochs.png",
    "evaluation.json",
    "precision_recall.parquet",
    "precision_recall.png",
}


def test_a_model_is_trained_measured_and_published_with_its_lineage(school: "School") -> None:
    job = school.trainings.start(school.actor, school.asked())
    assert school.trainings.start(school.actor, school.asked()).id == job.id  # the same again is the same job
    ended = school.run(job)
    assert ended.state == JobState.SUCCEEDED, ended.error
    result = ended.result or {}
    assert (ended.done, ended.total, result["epochs"]) == (2, 2, 2)
    assert {each["name"] for each in result["files"]} == FILES
    version = school.rooms.models.version(school.actor, school.model, result["model"]["version"])
    data = school.datasets.version(school.actor, school.dataset)
    assert version.parent == f"{school.model}/1"
    assert data.sha256 in version.card.dataset
    assert version.card.metrics == result["figures"]
    assert version.card.source.endswith(job.id)
    assert version.aliases == ("candidate",)
    assert school.rooms.models.get(school.actor, school.model).aliases[CHAMPION] == 1
    checkpoint = school.rooms.models.files.note(version, CHECKPOINT)
    assert checkpoint is not None
    assert sha256_of(checkpoint) == version.notes[CHECKPOINT]
    assert max(result["onnx_difference"].values()) < 0.05
    assert school.trainings.start(school.actor, school.asked()).id == job.id


def test_its_report_has_numbers_and_pictures(school: "School") -> None:
    job = school.trainings.start(school.actor, school.asked())
    told = json.loads(school.read(job, "evaluation.json"))
    assert told["figures"]["mAP50"] > 0.3, "two epochs from good weights must not ruin them"
    assert set(told["figures"]) == set(told["parent_figures"]) == {"mAP50", "mAP50-95", "precision", "recall", "F1"}
    assert told["images"] == 8
    epochs = pd.read_parquet(io.BytesIO(school.read(job, "epochs.parquet")))
    assert list(epochs["epoch"]) == [1, 2]
    assert {"mAP50", "loss/train/box"} <= set(epochs)
    classes = pd.read_parquet(io.BytesIO(school.read(job, "classes.parquet")))
    assert classes["objects"].sum() == told["objects"]
    confusion = pd.read_parquet(io.BytesIO(school.read(job, "confusion.parquet")))
    seen = confusion[confusion["true"] != "nothing"]["count"].sum()
    assert seen == told["objects"]
    curves = pd.read_parquet(io.BytesIO(school.read(job, "precision_recall.parquet")))
    assert curves["precision"].between(0, 1).all()
    for name in ("confusion.png", "precision_recall.png", "epochs.png"):
        assert min(decode_image(school.read(job, name)).shape[:2]) > 200


def test_its_run_in_mlflow_has_every_epoch_and_what_it_was_made_of(school: "School") -> None:
    job = school.now(school.trainings.start(school.actor, school.asked()))
    with school.rooms.models.connected() as client:
        run = client.get_run(job.mlflow_run_id)
        assert [each.step for each in client.get_metric_history(job.mlflow_run_id, "mAP50")] == [1, 2]
        files = {each.path for each in client.list_artifacts(job.mlflow_run_id, "evaluation")}
    tags, params = run.data.tags, run.data.params
    assert run.info.status == "FINISHED"
    assert tags["nexusai.version"] == f"{school.model}/2"
    assert tags["nexusai.parent"] == params["parent"] == f"{school.model}/1"
    assert tags["nexusai.dataset_sha256"] == school.datasets.version(school.actor, school.dataset).sha256
    assert run.data.metrics["test mAP50"] == (job.result or {})["figures"]["mAP50"]
    assert "evaluation/confusion.png" in files
    assert [each.dataset.name for each in run.inputs.dataset_inputs] == [school.dataset]
