"""Optimising a registered version as a job: both gates, what passes them, what a kill in between costs."""

import json
from typing import Any

import onnx
import pytest

from registry.access import Actor
from registry.errors import DatasetNotFound, Forbidden, InvalidInput, InvalidModel
from registry.jobs.files import JobFiles
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobLost, JobRun
from registry.jobs.tuning_parameters import TuneParameters
from registry.models.tuning import tunings
from registry.models.tuning_table import TunedOn, TunedRow, TuningTable
from registry.records import Job, jobs
from registry.runtime.host_choice import Backend, HostChoice
from registry.runtime.machine import host_key
from registry.testing.onnx_models import (
    BLOB_CARD,
    BLOB_SEGMENT_CARD,
    COLOUR_EMBED_CARD,
    COLOURS,
    blob_detector,
    blob_segmenter,
)
from registry.tuning.accuracy import Scores
from registry.tuning.dataset_data import open_registered
from registry.tuning.findings import Findings, store
from registry.tuning.forms import half, slim
from registry.tuning.optimisation_report import Measured, OptimisationReport, Outcome
from registry.tuning.optimise import judged
from registry.tuning.optimise_job import optimise
from registry.tuning.tune_job import tune_as_job
from registry.tuning.variants import Variant
from tests.registry.tuning.works import ADA, Works, wanted


def test_an_optimisation_measures_every_form_and_says_which_gate_each_failed(
    works: Works, spots: str, unique: str
) -> None:
    name = works.publish(unique)
    forms = ("slim", "fp16", "int8", "tensorrt")
    job = works.measuring.optimise(ADA, wanted(name, spots, forms=forms))
    assert job.parameters["dataset"] == f"{spots}/1", "the dataset's version is fixed at the start"
    again = works.measuring.optimise(ADA, wanted(name, f"{spots}/1", forms=forms))
    assert again.id == job.id, "asked for twice, it is one job"
    ended = works.run(job)
    assert ended.state == "succeeded", ended.error
    report = works.report(ended)
    assert report.own_accuracy > 0.99
    assert set(report.own_by_label) == set(COLOURS)
    assert [each.form for each in report.outcomes] == list(forms)
    made = [each for each in report.outcomes if each.made_version]
    assert ended.result["made_versions"] == [each.made_version for each in made]
    for each in report.outcomes:
        assert bool(each.why) != bool(each.made_version), each
        if each.measured:
            assert each.measured.rounds == 5
            assert set(each.by_label) == set(COLOURS)
    assert works.models.resolve(ADA, name).version == 1, "the champion stays"
    by_form = {each.form: each for each in report.outcomes}
    assert by_form["int8"].measured, by_form["int8"].why
    assert by_form["tensorrt"].failed == "made"
    assert "TensorRT" in by_form["tensorrt"].why
    with works.models.connected() as client:
        names = {each.path for each in client.list_artifacts(ended.mlflow_run_id)}
    assert {"optimisation.json", "optimisation.md"} <= names


def passed(form: str = "int8", speedup: float = 2.0, surely: float = 1.8, loss: float = 0.001) -> Outcome:
    found = Measured(
        backend=Backend.CPU,
        ms=5.0,
        own_ms=5.0 * speedup,
        own_backend=Backend.CPU,
        speedup=speedup,
        surely=surely,
        rounds=9,
    )
    return Outcome(form=form, numbers=form, measured=found, accuracy=0.9 - loss, loss=loss, choice=HostChoice())


@pytest.mark.parametrize(
    ("speedup", "surely", "loss", "gate", "says"),
    [
        (2.0, 1.8, 0.001, "", ""),
        (1.1, 1.1, 0.01, "", ""),  # both bounds belong to what passes
        (0.8, 0.7, 0.0, "speed", "FP32 is faster here"),
        (1.3, 1.05, 0.0, "speed", "surely 1.05"),  # faster, but not surely so much
        (2.0, 1.8, 0.02, "accuracy", "loses 0.0200 of mAP"),
        (0.8, 0.7, 0.5, "speed", "FP32 is faster here"),  # the first gate that it does not pass
    ],
)
def test_a_form_passes_only_when_it_is_surely_faster_and_accurate(
    speedup: float, surely: float, loss: float, gate: str, says: str
) -> None:
    found = judged(passed("int8", speedup, surely, loss), wanted("m", "starter"), "mAP")
    assert found.failed == gate
    assert says in found.why


def test_a_form_that_loses_one_class_does_not_pass_however_good_the_others_are() -> None:
    own, found = Scores(0.9, {"red": 0.95, "green": 0.9, "blue": 0.9}), Scores(0.9, {"red": 0.97, "green": 0.79})
    label, loss = own.worst_loss(found)
    assert (label, loss) == ("blue", 0.9)
    assert own.worst_loss(own) == ("", 0.0)
    lost = passed("int8").model_copy(update={"worst_label": label, "worst_loss": loss})
    refused = judged(lost, wanted("m", "starter"), "mAP")
    assert (refused.failed, refused.why) == ("accuracy", "class blue loses 0.9000; the gate for a class is 0.1")
    assert judged(lost, wanted("m", "starter", class_bound=0.9), "mAP").failed == ""


def report_of(name: str, *outcomes: Outcome) -> OptimisationReport:
    return OptimisationReport(
        model=name, version=1, machine="here", host=host_key(), versions={}, at="2026-01-01", metric="mAP50-95",
        dataset=TunedOn(name="spots/1", version="abc"), own_accuracy=0.9, own_by_label={"red": 0.9},
        own_size_bytes=9, faster_percent=10, bound=0.01, outcomes=outcomes,
    )  # fmt: skip


def test_what_was_measured_before_a_kill_is_published_once_with_its_parent(
    works: Works, spots: str, unique: str
) -> None:
    name = works.publish(unique)
    job = works.measuring.optimise(ADA, wanted(name, spots))
    files = JobFiles(works.storage, job.id)
    files.put("parts", "slim.onnx", blob_detector(metadata={"form": "slim"}))
    files.put("parts", "int8.onnx", b"not a graph")
    late = report_of(name, passed("slim"), passed("int8"), passed("fp16", 0.5).model_copy(update={"failed": "speed"}))
    files.put("parts", "measured.json", late.model_dump_json().encode())

    def killed(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        optimise(run, rooms)
        raise JobLost(run.job_id)  # after it has published, before its end was written down

    works.run(job, killed)
    with works.database.write() as session:
        found = session.get(Job, job.id)
        assert jobs.put_back(session, job.id, found.ticket)
    ended = works.run(job)
    assert ended.state == "succeeded", ended.error
    slimmer, refused, slower = works.report(ended).outcomes
    assert (slimmer.made_version, refused.failed, slower.made_version) == (2, "checks", None)
    assert [each.version for each in works.models.versions(ADA, name)] == [2, 1]
    made = works.models.resolve(ADA, name, version=2)
    assert (made.parent, made.aliases) == (f"{name}/1", ())
    assert made.card.metrics["optimised_speedup"] == 2.0
    (table,) = tunings(works.models, ADA, name, 2)
    assert "Made from version 1" in table.table.verdict
    assert json.loads(made.notes and "{}") == {}
    assert set(made.notes) == {"optimisation.json"}


def test_a_cancelled_optimisation_publishes_nothing(works: Works, spots: str, unique: str) -> None:
    job = works.measuring.optimise(ADA, wanted(works.publish(unique), spots))

    def stopped(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        works.jobs.cancel(ADA, run.job_id)
        run.beat()
        return optimise(run, rooms)

    assert works.run(job, stopped).state == "cancelled"
    assert [each.version for each in works.models.versions(ADA, unique)] == [1]


def test_what_cannot_be_optimised_is_refused_before_it_is_queued(
    works: Works, spots: str, engineer: Actor, unique: str
) -> None:
    name = works.publish(unique)
    with pytest.raises(Forbidden):
        works.measuring.optimise(engineer, wanted(name, spots))
    for dataset, error in (("/etc", InvalidInput), ("no-such-set", DatasetNotFound), ("a/b/c", InvalidInput)):
        with pytest.raises(error):
            works.measuring.optimise(ADA, wanted(name, dataset))
    with pytest.raises(InvalidInput, match="other labels"):
        works.measuring.optimise(ADA, wanted(name, "starter"))
    with pytest.raises(InvalidInput, match="is for task detect, this model answers segment"):
        open_registered(works.datasets, ADA, spots, BLOB_SEGMENT_CARD)
    with pytest.raises(InvalidInput, match="task embed cannot be tuned"):
        open_registered(works.datasets, ADA, spots, COLOUR_EMBED_CARD)
    strange = BLOB_CARD.model_copy(update={"labels": ("red", "green", "violet")})
    with pytest.raises(InvalidInput, match="'blue'"):
        open_registered(works.datasets, ADA, spots, strange)
    assert works.jobs.page(ADA)[1] == 0


def test_a_tune_runs_as_a_job(works: Works, spots: str, unique: str) -> None:
    name = works.publish(unique)
    job = works.measuring.tune(ADA, TuneParameters(model=name, version=1, dataset=spots, minutes=0.1))
    ended = works.run(job, tune_as_job)
    assert ended.state == "succeeded", ended.error
    (table,) = tunings(works.models, ADA, name, 1)
    assert ended.result["verdict"] == table.table.verdict
    assert table.table.dataset.name == f"{spots}/1"


def _run_and_killed_at_the_end(works: Works, job: Job) -> None:
    """A run that is killed after it has published, before its end was written down; the job waits again."""

    def killed(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        tune_as_job(run, rooms)
        raise JobLost(run.job_id)

    works.run(job, killed)
    with works.database.write() as session:
        found = session.get(Job, job.id)
        assert jobs.put_back(session, job.id, found.ticket)


def test_a_tune_that_is_killed_before_its_end_does_not_measure_anew(works: Works, spots: str, unique: str) -> None:
    name = works.publish(unique)
    job = works.measuring.tune(ADA, TuneParameters(model=name, version=1, dataset=spots, minutes=0.1))
    _run_and_killed_at_the_end(works, job)
    (before,) = tunings(works.models, ADA, name, 1)
    versions = [each.version for each in works.models.versions(ADA, name)]
    ended = works.run(job, tune_as_job)
    assert ended.state == "succeeded", ended.error
    (after,) = tunings(works.models, ADA, name, 1)
    assert after.table == before.table
    assert [each.version for each in works.models.versions(ADA, name)] == versions


def test_a_form_that_a_tune_found_is_published_once_whatever_is_killed(works: Works, spots: str, unique: str) -> None:
    name = works.publish(unique)
    job = works.measuring.tune(ADA, TuneParameters(model=name, version=1, dataset=spots, minutes=0.1))
    row = TunedRow(
        variant="int8",
        backend=Backend.CPU,
        precision="f32",
        new_files=True,
        accuracy=0.9,
        loss=0.0,
        choice=HostChoice(),
    )
    table = TuningTable(host=host_key(), verdict="int8 wins", metric="mAP50-95", chosen=row, rows=(row,))
    card = works.models.resolve(ADA, name).card
    form = Variant(blob_detector(metadata={"form": "int8"}), card, "int8")
    store(JobFiles(works.storage, job.id), Findings(table, None, form))
    _run_and_killed_at_the_end(works, job)
    ended = works.run(job, tune_as_job)
    assert ended.state == "succeeded", ended.error
    assert ended.result["made_versions"] == [2]
    assert [each.version for each in works.models.versions(ADA, name)] == [2, 1]
    assert works.models.resolve(ADA, name, version=2).parent == f"{name}/1"


def test_a_slimmer_graph_stays_portable_and_says_what_it_says() -> None:
    model = onnx.load_model_from_string(blob_segmenter())
    fat = onnx.load_model_from_string(blob_segmenter())
    for number in range(5):  # what is done twice
        fat.graph.node.insert(0, onnx.helper.make_node("Identity", ["images"], [f"copy{number}"]))
    assert len(fat.graph.node) == len(model.graph.node) + 5
    made = onnx.load_model_from_string(slim(fat.SerializeToString()))
    assert len(made.graph.node) <= len(model.graph.node)
    assert {node.domain for node in made.graph.node} <= {"", "ai.onnx"}
    with pytest.raises(InvalidModel, match="slim already"):
        slim(made.SerializeToString())


def test_16_bit_floats_keep_input_and_outputs_as_they_are() -> None:
    before, after = (onnx.load_model_from_string(each) for each in (blob_detector(), half(blob_detector())))
    assert [each.type for each in before.graph.output] == [each.type for each in after.graph.output]
    kinds = {each.data_type for each in after.graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
