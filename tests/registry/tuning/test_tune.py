"""Tuning a registered version from end to end, on a real MLflow server, and what serving makes of it."""

import time
from pathlib import Path

import numpy as np
import pytest
from sqlmodel import select

from registry.access import Actor
from registry.errors import Cancelled, Forbidden, InvalidInput
from registry.models import tags
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.resolving import STALE_SECONDS
from registry.models.serving import Serving
from registry.models.tuning import record, tunings
from registry.models.tuning_table import TuningTable
from registry.models.types import CHAMPION, ModelVersion
from registry.records import AuditEntry, Database
from registry.runtime.host_choice import Backend, HostChoice
from registry.runtime.machine import host_key
from registry.runtime.openvino_session import PROVIDER
from registry.runtime.providers import CPU
from registry.testing.onnx_models import BLOB_DYNAMIC_CARD, blob_detector
from registry.testing.requirements import require_package
from registry.tuning.data import open_data
from registry.tuning.lanes import Bench, Way, opened
from registry.tuning.study import Study
from registry.tuning.table import Figures, Row
from registry.tuning.tune import Wanted, findings, keep, tune
from registry.tuning.variants import Variant
from registry.tuning.watch import Watch

IMAGE = np.zeros((64, 64, 3), np.uint8)
IMAGE[16:24, 40:48] = (0, 0, 255)
OPENVINO = HostChoice(backend=Backend.OPENVINO, threads=1, beside=1, sessions=1)


@pytest.fixture
def version(models: ModelRegistry, engineer: Actor, unique: str) -> ModelVersion:
    files = {"model.onnx": blob_detector(0)}
    return models.publish(engineer, Draft(unique, files, BLOB_DYNAMIC_CARD, alias=CHAMPION))


def table(verdict: str) -> TuningTable:
    return TuningTable(host=host_key(), verdict=verdict)


def tags_of(models: ModelRegistry, version: ModelVersion) -> dict[str, str]:
    with models.connected() as client:
        return dict(client.get_model_version(version.name, str(version.version)).tags)


def settled(serving: Serving, actor: Actor, name: str, provider: str) -> bool:
    """Whether serving answers by a provider before long: a choice is seen as a moved alias is."""
    deadline = time.monotonic() + 10 * STALE_SECONDS
    while time.monotonic() < deadline:
        serving.predict(actor, IMAGE, model=name)
        serving.settle()
        if serving.ready(actor, name).network.providers[0] == provider:
            return True
        time.sleep(0.05)
    return False


def test_a_tune_measures_every_way_and_keeps_its_table_with_the_version(
    models: ModelRegistry, engineer: Actor, version: ModelVersion, blobs: Path, sqlite: Database
) -> None:
    said: list[tuple[float, str]] = []
    watch = Watch(6, progress=lambda share, text: said.append((share, text)))
    tuned = tune(models, engineer, version.name, Wanted(blobs, minutes=0.1), watch)
    rows = {(row.variant, row.backend, row.precision): row for row in tuned.table.rows}
    default = rows["fp32 64×64 dynamic", Backend.CPU, "f32"]
    assert default.accuracy == tuned.table.default_accuracy > 0.99
    assert default.alone
    assert default.beside
    smaller = rows["fp32 56×56 dynamic", Backend.CPU, "f32"]
    assert smaller.loss > 0.01, "cells of 8 pixels do not fit"
    assert "loses" in smaller.note
    assert ("fp32 64×64", Backend.CPU, "f32") in rows
    assert any(row.variant.startswith("int8") for row in tuned.table.rows)
    (kept,) = tunings(models, engineer, version.name, version.version)
    assert kept.here
    assert kept.table == tuned.table
    assert tags_of(models, version)[f"{tags.TUNED_SPEED}{host_key()}"] == tuned.table.verdict
    assert [share for share, _ in said] == sorted(share for share, _ in said)
    assert models.resolve(engineer, version.name).version == version.version, "the champion stays"
    with sqlite.read() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.target == f"model:{version.name}")).all()
    assert "model.tune" in {entry.action for entry in entries}


def test_openvino_is_among_the_ways(models: ModelRegistry, engineer: Actor, version: ModelVersion, blobs: Path) -> None:
    require_package("openvino", "openvino")
    tuned = tune(models, engineer, version.name, Wanted(blobs, minutes=0.1, goal="throughput"))
    assert {"openvino", "onnxruntime-cpu"} <= {row.backend for row in tuned.table.rows if row.beside}


def study_with_a_winner(own: Variant, winner: Variant, blobs: Path, tmp_path: Path) -> Study:
    """A study as it ends on a machine where one form is twice as fast."""
    study = Study(own, open_data(blobs, own.card), Bench(1, [IMAGE], tmp_path, tmp_path), 0.01, "latency", Watch(60))
    for variant, speedup in ((own, 1.0), (winner, 2.0)):
        row = Row(variant.name, Backend.CPU, "f32", variant.is_new, 1.0, 0.0, HostChoice())
        row.alone[1] = Figures(1 / speedup, 1 / speedup, 1 / speedup, speedup, speedup, 9)
        study.rows[Way(variant, Backend.CPU)] = row
    study.base_accuracy = 1.0
    return study


def test_what_needs_other_files_becomes_a_version_that_no_alias_names(
    models: ModelRegistry, engineer: Actor, version: ModelVersion, blobs: Path, tmp_path: Path
) -> None:
    own = Variant(blob_detector(0), BLOB_DYNAMIC_CARD, is_new=False)
    smaller = BLOB_DYNAMIC_CARD.input.model_copy(update={"height": 32, "width": 32})
    small = Variant(blob_detector(0), BLOB_DYNAMIC_CARD.model_copy(update={"input": smaller}))
    study = study_with_a_winner(own, small, blobs, tmp_path)
    found = findings(study, Wanted(blobs), study.watch)
    tuned = keep(models, engineer, version, found)
    assert tuned.made is not None
    assert tuned.choice is None, "the version itself runs as before"
    assert (tuned.made.parent, tuned.made.aliases) == (version.reference, ())
    assert tuned.made.card.input == smaller
    assert models.resolve(engineer, version.name).version == version.version
    assert tags_of(models, tuned.made)[tags.PARENT] == version.reference
    assert HostChoice.parse(models.resolve(engineer, version.name, version=tuned.made.version).tuned) == HostChoice()
    again = keep(models, engineer, version, found)
    assert again.made is not None
    assert again.made.version == tuned.made.version, "the same again makes no further version"


def test_a_cancelled_tune_keeps_nothing(
    models: ModelRegistry, engineer: Actor, version: ModelVersion, blobs: Path
) -> None:
    before = tags_of(models, version)
    reached = [0.0]
    for share in (0.0, 0.05, 0.75):
        reached[0] = -1.0
        watch = Watch(
            6, progress=lambda at, _text: reached.__setitem__(0, at), cancelled=lambda share=share: reached[0] >= share
        )
        with pytest.raises(Cancelled):
            tune(models, engineer, version.name, Wanted(blobs, minutes=0.1), watch)
    assert tags_of(models, version) == before
    assert [each.version for each in models.versions(engineer, version.name)] == [version.version]
    assert tunings(models, engineer, version.name, version.version) == []


def test_a_tune_is_called_off_between_two_ways_that_it_opens(tmp_path: Path) -> None:
    bench, own = Bench(1, [IMAGE], tmp_path, tmp_path), Variant(blob_detector(0), BLOB_DYNAMIC_CARD, is_new=False)
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 1

    ways = [Way(own, Backend.CPU)] * 50
    with pytest.raises(Cancelled), opened(bench, ways, "latency", Watch(60, cancelled=cancelled)):
        pytest.fail("nothing is measured")
    assert len(asked) == 2


def test_what_cannot_be_tuned_is_refused_before_anything_is_measured(
    models: ModelRegistry, engineer: Actor, user: Actor, version: ModelVersion, blobs: Path
) -> None:
    with pytest.raises(InvalidInput, match="labelled pictures"):
        tune(models, engineer, version.name, Wanted())
    for wanted in (Wanted(blobs, bound=-0.1), Wanted(blobs, bound=float("nan")), Wanted(blobs, minutes=0)):
        with pytest.raises(InvalidInput):
            tune(models, engineer, version.name, wanted)
    with pytest.raises(Forbidden):
        tune(models, user, version.name, Wanted(blobs))
    with pytest.raises(Forbidden):
        record(models, user, version, table("mine"), OPENVINO)
    assert not version.tuned


def test_serving_runs_a_version_as_the_tune_of_this_host_chose(
    models: ModelRegistry, serving: Serving, engineer: Actor, version: ModelVersion
) -> None:
    require_package("openvino", "openvino")
    first = serving.predict(engineer, IMAGE, model=version.name)
    assert serving.ready(engineer, version.name).network.providers == (CPU,)
    record(models, engineer, version, table("OpenVINO is faster"), OPENVINO)
    assert settled(serving, engineer, version.name, PROVIDER), "the choice is taken over beside the requests"
    again = serving.predict(engineer, IMAGE, model=version.name)
    assert np.allclose(first.prediction.detections.xyxy, again.prediction.detections.xyxy, atol=0.1)
    tuned = models.resolve(engineer, version.name)
    record(models, engineer, tuned, table("plain FP32 wins"), None)
    assert settled(serving, engineer, version.name, CPU)
    assert models.resolve(engineer, version.name).tuned == ""


def test_another_hosts_choice_changes_nothing_here(
    models: ModelRegistry, serving: Serving, engineer: Actor, version: ModelVersion
) -> None:
    with models.connected() as client:
        client.set_model_version_tag(
            version.name, str(version.version), f"{tags.TUNED}other-2c-00000000", OPENVINO.dump()
        )
    serving.predict(engineer, IMAGE, model=version.name)
    assert serving.ready(engineer, version.name).network.providers == (CPU,)


def test_a_chosen_gpu_that_is_not_there_is_told_and_the_processor_answers(
    models: ModelRegistry, serving: Serving, engineer: Actor, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry.runtime import providers

    monkeypatch.setattr(providers, "gpus", lambda: ())
    record(models, engineer, version, table("the GPU is faster"), HostChoice(backend=Backend.CUDA))
    answer = serving.predict(engineer, IMAGE, model=version.name)
    assert len(answer.prediction.detections) == 1
    assert "no NVIDIA GPU" in serving.opening.problem(answer.version)
    labels = {"backend": "onnxruntime-cuda"}
    assert serving.metrics.registry.get_sample_value("nexusai_backend_unavailable_total", labels) == 1


def test_a_choice_that_cannot_be_read_is_none(
    models: ModelRegistry, serving: Serving, engineer: Actor, version: ModelVersion
) -> None:
    with models.connected() as client:
        client.set_model_version_tag(
            version.name, str(version.version), f"{tags.TUNED}{host_key()}", '{"threads": 9e9}'
        )
    serving.predict(engineer, IMAGE, model=version.name)
    assert serving.ready(engineer, version.name).network.providers == (CPU,)


def test_a_table_that_somebody_else_wrote_is_left_out(
    models: ModelRegistry, engineer: Actor, version: ModelVersion
) -> None:
    with models.connected() as client:
        client.log_text(version.run_id, '{"rows": "<script>"}', "tune/theirs.json")
        client.log_text(version.run_id, "not JSON", "tune/other.json")
    record(models, engineer, version, table("mine"), None)
    assert [each.table.verdict for each in tunings(models, engineer, version.name, version.version)] == ["mine"]
