"""Training a model further."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from app.api.context import Caller, Rooms
from app.api.jobs import JobOut
from app.api.models import ModelId
from registry.jobs.train_parameters import CandidateAlias, Recipe
from registry.training.finetune.start import TrainingAsked

router = APIRouter(prefix="/models", tags=["models"])
_EXAMPLE: dict[str, Any] = {"dataset": "bolts", "dataset_version": 2, "epochs": 30, "batch": 16, "image_size": 320}


class TrainingBody(Recipe):
    """What to train on, and how. Without a version the champion is trained further."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    dataset: Annotated[str, Field(max_length=63, description="the dataset's name")]
    dataset_version: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="the newest by default")] = None
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="the version to start from")] = None
    from_alias: Annotated[str | None, Field(max_length=31, description="or the alias of one")] = None
    name: Annotated[str, Field(max_length=63, description="publish under this name instead")] = ""
    alias: Annotated[CandidateAlias, Field(description="what the new version is called besides its number")] = (
        "candidate"
    )
    new_classes: Annotated[bool, Field(description="the new version may name other classes")] = False


@router.post("/{model_id}/train", status_code=202, response_model=JobOut, responses={409: {}})
def train_model(model_id: ModelId, body: TrainingBody, rooms: Rooms, caller: Caller) -> JSONResponse:
    """Train a model on a version of a dataset, and publish what comes of it as a candidate; follow the job.

    The same training asked for again is the same job, unless that failed or was cancelled.
    """
    recipe = Recipe.model_validate(body.model_dump(include=set(Recipe.model_fields)))
    further = body.model_dump(exclude=set(Recipe.model_fields))
    job = rooms.trainings.start(caller, TrainingAsked(model=model_id, recipe=recipe, **further))
    out = JobOut.model_validate(rooms.jobs.to_dict(job)).model_dump(mode="json")
    return JSONResponse(out, 202, {"location": f"/api/v1/inference/jobs/{job.id}"})
