"""What tunes found out about a version; starting tunes and optimisations."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.context import Caller, Paging, Rooms, cut
from app.api.jobs import JobOut, accepted
from app.api.models import ModelId, Version
from registry.jobs.tuning_parameters import CLASS_BOUND, FORMS, Bound, Form, OptimiseParameters, TuneParameters
from registry.models.tuning import tunings
from registry.models.tuning_table import TunedLane, TunedOn, TunedRow, TuningTable
from registry.runtime.host_choice import Backend, HostChoice

router = APIRouter(prefix="/models", tags=["models"])

_LANE = TunedLane(threads=2, ms=13.0, p25=12.8, p75=13.4, speedup=1.42, surely=1.31, blocks=12)
_ROW = TunedRow(
    variant="fp32",
    backend=Backend.OPENVINO,
    precision="f32",
    new_files=False,
    accuracy=0.892,
    loss=0.0,
    choice=HostChoice(backend=Backend.OPENVINO, threads=2),
    alone=(_LANE,),
)
_TABLE = TuningTable(
    host="4d1f0a2b",
    verdict="fp32 on openvino with 2 threads: 1.42 times as fast as the default",
    machine="2 cores, AVX2",
    versions={"onnxruntime": "1.23.2", "openvino": "2026.2.0"},
    at="2026-05-11T09:20:00+00:00",
    seconds=240.0,
    dataset=TunedOn(name="bolts", version="2"),
    metric="mAP50-95",
    bound=0.01,
    default_accuracy=0.892,
    chosen=_ROW,
    rows=(_ROW,),
)


class TuningOut(BaseModel):
    """One kind of machine's table; `here` says whether it is that of the machine that answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"here": True, "table": _TABLE.model_dump(mode="json")}]})

    here: bool
    table: TuningTable


class TuningPage(BaseModel):
    """One page of tables."""

    items: list[TuningOut]
    total: int
    page: int
    size: int


@router.get("/{model_id}/versions/{version}/tuning", response_model=TuningPage)
def list_tunings(model_id: ModelId, version: Version, rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """The tables of `nexusai models tune` for a version, one for each kind of machine, this one's first."""
    found = tunings(rooms.models, caller, model_id, version)
    return cut(found, paging, lambda each: {"here": each.here, "table": each.table})


class _Chosen(BaseModel):
    """What both measurements take."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"dataset": "bolts/2"}]})

    dataset: str = Field(min_length=1, max_length=80, description="`starter`, or a dataset as name or name/version")
    version: int | None = Field(None, ge=1, le=2**31, description="the version; the default is the champion")
    alias: str | None = Field(None, max_length=31, description="instead of a version")
    bound: Bound = Field(0.01, description="accuracy that may be lost, a share")


class OptimiseIn(_Chosen):
    """An optimisation: what to try, and the gates that it has to pass."""

    forms: list[Form] = Field(list(FORMS), min_length=1, max_length=len(FORMS), description="what to try")
    faster_percent: float = Field(10.0, ge=0, le=1_000, description="at least so much faster, for sure")
    class_bound: Bound = Field(CLASS_BOUND, description="accuracy that any one class may lose, a share")
    repeats: int = Field(15, ge=5, le=200, description="alternating rounds that the speeds are measured in")


class TuneIn(_Chosen):
    """A tune of the machine that the jobs run on."""

    minutes: float = Field(5.0, ge=0.1, le=240, description="about how long it may measure")
    goal: Literal["latency", "throughput"] = "latency"


@router.post("/{model_id}/optimise", status_code=202, response_model=JobOut, responses={404: {}})
def optimise(model_id: ModelId, asked: OptimiseIn, request: Request, rooms: Rooms, caller: Caller) -> JSONResponse:
    """Make smaller and faster forms of a version, as a job; those that pass both gates become versions."""
    version = rooms.measuring.version(caller, model_id, asked.version, asked.alias)
    fields = asked.model_dump(exclude={"alias", "version"})
    wanted = OptimiseParameters(model=version.name, version=version.version, **fields)
    return accepted(request, rooms, rooms.measuring.optimise(caller, wanted))


@router.post("/{model_id}/tune", status_code=202, response_model=JobOut, responses={404: {}})
def tune(model_id: ModelId, asked: TuneIn, request: Request, rooms: Rooms, caller: Caller) -> JSONResponse:
    """Find the fastest way to run a version on this machine, as a job."""
    version = rooms.measuring.version(caller, model_id, asked.version, asked.alias)
    fields = asked.model_dump(exclude={"alias", "version"})
    wanted = TuneParameters(model=version.name, version=version.version, **fields)
    return accepted(request, rooms, rooms.measuring.tune(caller, wanted))
