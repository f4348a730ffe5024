"""A model's way in: what is given is looked at, converted, checked and tried before it is registered."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from registry.access import Actor
from registry.conversion.convert import convert
from registry.conversion.file_kind import FileKind
from registry.conversion.inspection import Finding, inspect
from registry.conversion.onnx_pair import unpack
from registry.errors import InvalidCard
from registry.mlflow_file import AccessLevel
from registry.models.files import CHECKPOINT
from registry.models.first_reading import read_graphs
from registry.models.journey import CONVERT, RECEIVE, REGISTER, SCAN, VERIFY, Journey
from registry.models.names import check_alias
from registry.models.naming import name_version
from registry.models.promotion import SetAlias
from registry.models.publish import Draft
from registry.models.quarantine import Quarantine, Received, Room, chunks_of
from registry.models.registry import ModelRegistry
from registry.models.stated import check_access_level, check_task
from registry.models.trial import try_out
from registry.models.types import CHAMPION, ModelVersion
from registry.runtime.card import MODEL_FILE, ModelCard

REPORT = "intake.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file of the catalogue comes from. `verified` says that its sha256 was known before it came."""

    url: str
    licence: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the one who brings a model says about it. Without a card one is read from the file."""

    name: str
    card: ModelCard | None = None
    task: str = ""  # refused unless the card, given or read, says the same
    description: str = ""
    access_level: AccessLevel = "authenticated"
    alias: str = CHAMPION
    parent: str = ""  # the version it was made from, as name/version
    origin: Origin | None = None

    def check(self, actor: Actor, models: ModelRegistry) -> None:
        """Whether it could be registered if the file is good, before that is received.

        Raises NotSignedIn, InvalidInput, and as `ModelRegistry.check_takes`.
        """
        check_access_level(self.access_level)
        check_task(self.task)
        if self.alias:
            check_alias(self.alias)
        if self.card is not None:
            self.check_task_of(self.card)
        said = self.description or (self.card.description if self.card else "")
        task = str(self.card.task) if self.card else self.task
        models.check_takes(actor, self.name, task=task, parent=self.parent, description=said)

    def check_task_of(self, card: ModelCard) -> None:
        """Raises InvalidCard unless a card answers the task that was asked for, if one was."""
        if self.task and self.task != card.task:
            raise InvalidCard(f"the upload says task {self.task[:32]!r}, the model answers {card.task}")


@dataclass(slots=True)
class _Report:
    """What is kept with the version about how it came in."""

    source: Mapping[str, Any]
    journey: Journey
    facts: dict[str, Any] = field(default_factory=dict)

    def note(self) -> bytes:
        steps = [step.to_dict() for step in self.journey.steps if step.name != REGISTER]
        return json.dumps({"source": self.source, **self.facts, "steps": steps}, indent=2).encode()


def take_in(  # noqa: PLR0913 - the fields of the upload form
    models: ModelRegistry,
    actor: Actor,
    model: bytes | Path,
    name: str,
    *,
    card: ModelCard | None = None,
    description: str = "",
    access_level: AccessLevel = "authenticated",
    alias: str = CHAMPION,
    parent: str = "",
    journey: Journey | None = None,
    move: SetAlias | None = None,
) -> ModelVersion:
    """Take a file in and wait for it; its steps show in `journey`. See `admit` for what it may be and what it raises.

    A refused file leaves nothing behind.
    """
    wanted = Wanted(name, card, "", description, access_level, alias, parent)
    return take_wanted(models, actor, model, wanted, journey or Journey(), move)


def take_wanted(
    models: ModelRegistry,
    actor: Actor,
    model: bytes | Path,
    wanted: Wanted,
    journey: Journey,
    move: SetAlias | None = None,
) -> ModelVersion:
    """`take_in` for what is said about the model in one value."""
    wanted.check(actor, models)
    quarantine = Quarantine(models.settings, models.live)
    received = receive(
        quarantine, journey, chunks_of(model, models.live.current().upload_max_mb), room_of(models, actor)
    )
    try:
        return admit(models, actor, received, wanted, journey, move)
    finally:
        quarantine.discard(received.id)


def room_of(models: ModelRegistry, actor: Actor, waiting_bytes: int = 0) -> Room | None:
    """What somebody may still keep here beside what they published and what waits; None is no bound.

    The account that the platform runs under has none. Raises MlflowUnavailable.
    """
    if actor.via == "local":
        return None
    quota_mb = models.live.current().publish_quota_mb
    return Room(max((quota_mb << 20) - models.bytes_published(actor) - waiting_bytes, 0), quota_mb)


def receive(quarantine: Quarantine, journey: Journey, chunks: Iterable[bytes], room: Room | None) -> Received:
    """The first step: the file into quarantine.

    Raises UploadTooLarge, QuotaExceeded, StorageUnavailable, InvalidModel.
    """
    with journey.step(RECEIVE) as said:
        received = quarantine.receive(chunks, room)
        said["detail"] = received.said()
    return received


def admit(
    models: ModelRegistry,
    actor: Actor,
    received: Received,
    wanted: Wanted,
    journey: Journey,
    move: SetAlias | None = None,
) -> ModelVersion:
    """Look at a received file, convert it to ONNX, run it once in an isolated child, register it as a new version.

    The first version of a model takes its alias along; to a later one it is moved by `move`, see `name_version`, and
    where it is not, the journey's `warning` says why. The report stays with the version as `intake.json`. Raises
    InvalidModel, UnsupportedOutputs, InvalidCard, MissingExtra, Unavailable (no isolated child can be made here),
    and as `ModelRegistry.check_takes`.
    """
    origin = asdict(wanted.origin) if wanted.origin else {}
    report = _Report({"sha256": received.sha256, "size_bytes": received.size_bytes, **origin}, journey)
    found = _scan(received, report)
    files = _files(models, received, found, wanted, report)
    with journey.step(VERIFY) as said:
        read = read_graphs(files, wanted.card)
        card = _card(read, wanted)
        doors = try_out(files, card, models.settings.run_max_seconds)
        report.facts["trial"] = doors.to_dict()
        said["detail"] = f"{card.task}, {len(card.labels)} classes, ran once; around it: {doors.said()}"
        if wanted.card is None:
            said["detail"] += f"; {read.description}"  # what was assumed, also where it is described otherwise
    with journey.step(REGISTER) as said:
        description = wanted.description or card.description
        facts = {"source_format": str(found.kind), "source_sha256": received.sha256}
        facts |= {f"source_{key}": str(value) for key, value in origin.items()}
        notes = {REPORT: report.note()}
        if found.kind is FileKind.TORCH:  # to train it further; it is only ever opened in the sandbox
            notes[CHECKPOINT] = received.path.read_bytes()
        draft = Draft(
            wanted.name,
            files,
            card,
            description,
            wanted.access_level,
            parameters=facts,
            notes=notes,
            parent=wanted.parent,
            first_alias=wanted.alias,
        )
        made = models.publish(actor, draft)
        made, journey.warning = name_version(models, actor, made, wanted.alias, move)
        said["detail"] = "; ".join(filter(None, (f"version {made.version}", journey.warning)))
    return made


def _scan(received: Received, report: _Report) -> Finding:
    with report.journey.step(SCAN) as said:
        found = inspect(received.path)
        report.facts["scan"] = found.to_dict()
        inside = f", {found.members} members" if found.members else ""
        asked = f", asks for {len(found.pickled_names)} names, none of them alarming" if found.pickled_names else ""
        said["detail"] = f"{found.kind}{inside}{asked}"
    return found


def _files(
    models: ModelRegistry, received: Received, found: Finding, wanted: Wanted, report: _Report
) -> dict[str, bytes]:
    """What will be served, by name."""
    journey = report.journey
    if found.kind is FileKind.ONNX:
        journey.skip(CONVERT, "it is ONNX already")
        return {MODEL_FILE: received.path.read_bytes()}
    if found.kind is FileKind.ONNX_PAIR:
        most_bytes = max(models.live.current().upload_max_mb << 20, received.size_bytes)
        files = unpack(received.path, most_bytes)  # no more than would have been taken unpacked
        journey.skip(CONVERT, f"it is ONNX already: {', '.join(files)}")
        return files
    with journey.step(CONVERT) as said:
        converted = convert(received.path, found.kind, wanted.card)
        apart = dict(converted.difference)
        report.facts["conversion"] = {"difference": apart, "doors": converted.doors.to_dict()}
        said["detail"] = (
            f"answers differ by {apart.get('random', 0):.2g} on noise, {apart.get('sample', 0):.2g} on a picture"
        )
    return {MODEL_FILE: converted.onnx}


def _card(card: ModelCard, wanted: Wanted) -> ModelCard:
    """The card as it is registered, with what was said beside it."""
    said: dict[str, str] = {}
    if wanted.origin:
        said = {"licence": card.licence or wanted.origin.licence, "source": card.source or wanted.origin.url}
    if wanted.description:
        said["description"] = wanted.description
    card = card.model_copy(update=said)
    wanted.check_task_of(card)
    return card
