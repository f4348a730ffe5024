"""The trained network on its way to a version: converted, compared with what it was, measured, published."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.access import Actor
from registry.conversion.convert import Converted, convert
from registry.conversion.file_kind import FileKind
from registry.errors import Conflict, NotFound
from registry.jobs.beside import beside
from registry.jobs.running import JobRun
from registry.jobs.train_parameters import TrainParameters
from registry.models.files import CHECKPOINT
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.trial import try_out
from registry.models.types import ModelVersion
from registry.runtime.card import MODEL_FILE, ModelCard, Thresholds
from registry.runtime.graph_check import check_graph
from registry.runtime.infer_card import infer_card
from registry.training.finetune.tracking import git_commit

JOB_FACT = "training_job"  # the parameter of a version's run that names the job; uploads set none
_LICENCE = "AGPL-3.0 (trained with Ultralytics YOLO); the data's own licence"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is published: the graph, the checkpoint it came from, how far the two agree, the card."""

    onnx: bytes
    checkpoint: bytes
    difference: Mapping[str, float]
    card: ModelCard


def export(
    checkpoint: bytes,
    plan: TrainParameters,
    run: JobRun,
    folder: Path,
    thresholds: Thresholds,
    run_seconds: float,
) -> Candidate:
    """Convert in the sandbox, which also compares both on pictures. Raises InvalidModel, JobCancelled."""
    path = folder / "trained.pt"
    path.write_bytes(checkpoint)
    converted: Converted = beside(run.check, lambda: convert(path, FileKind.TORCH))
    check_graph(converted.onnx)
    inferred = infer_card(converted.onnx)
    card = inferred.model_copy(
        update={
            "labels": plan.labels,
            "thresholds": thresholds,
            "description": f"Trained on {plan.data_reference}" + (f", from {plan.parent}." if plan.parent else "."),
            "licence": _LICENCE,
            "source": source_of(run),
            "dataset": f"{plan.data_reference}, sha256 {plan.dataset_sha256}",
            "git_commit": git_commit(),
        }
    )
    beside(run.check, lambda: try_out({MODEL_FILE: converted.onnx}, card, run_seconds))
    return Candidate(converted.onnx, checkpoint, converted.difference, ModelCard.model_validate(card.model_dump()))


def published(models: ModelRegistry, actor: Actor, run: JobRun, plan: TrainParameters) -> ModelVersion | None:
    """The version that an earlier run of this job has published, if one has; what a card says is no proof of that.

    Raises MlflowUnavailable.
    """
    try:
        found = models.versions(actor, plan.model)
    except NotFound:
        return None
    claimed = [each for each in found if each.card.source == source_of(run)]
    with models.connected() as client:
        for each in claimed:
            if client.get_run(each.run_id).data.params.get(JOB_FACT) == run.job_id:
                return each
    return None


def publish(
    models: ModelRegistry,
    actor: Actor,
    plan: TrainParameters,
    candidate: Candidate,
    notes: Mapping[str, bytes],
    facts: Mapping[str, str],
) -> ModelVersion:
    """Register it; never as champion. Raises Conflict where its parent is gone, Forbidden, MlflowUnavailable."""
    draft = Draft(
        name=plan.model,
        files={MODEL_FILE: candidate.onnx},
        card=candidate.card,
        description=candidate.card.description,
        access_level=plan.access_level,
        alias=plan.alias,
        parameters=facts,
        notes={CHECKPOINT: candidate.checkpoint, **notes},
        parent=plan.parent,
    )
    try:
        return models.publish(actor, draft)
    except NotFound as error:
        raise Conflict(
            f"{plan.parent or plan.model} was deleted while it was trained further; nothing was published",
            hint="Train another version, or publish under another name.",
        ) from error


def source_of(run: JobRun) -> str:
    """What a card says about where the weights come from."""
    return f"training job {run.job_id}"
