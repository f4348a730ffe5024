"""`nexusai jobs …`."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.say import TIMES, as_json, line, table
from registry.errors import InvalidInput
from registry.settings import load_settings

if TYPE_CHECKING:
    from app.platform import Platform
    from registry.jobs.batch_inputs import Upload
    from registry.jobs.handle import JobHandle
    from registry.records import Job

group = typer.Typer(help="Background work: batches, videos and what they come to.", no_args_is_help=True)
submit = typer.Typer(help="Start a job.", no_args_is_help=True)
group.add_typer(submit, name="submit")
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
JobId = Annotated[str, typer.Argument(help="the job's id, or the beginning of it")]


@group.command("list")
def list_jobs(
    kind: Annotated[str, typer.Option(help="only this kind: batch or video")] = "",
    state: Annotated[str, typer.Option(help="queued, running, succeeded, failed or cancelled")] = "",
    owner: Annotated[str, typer.Option(help="a part of the owner's name")] = "",
    search: Annotated[str, typer.Option(help="the beginning of an id, or a part of a model's or file's name")] = "",
    size: Annotated[int, typer.Option(min=1, max=1_000, help="the newest so many")] = 50,
    json: AsJson = False,
) -> None:
    """List the jobs, newest first."""
    rooms, actor = open_rooms()
    found, total = rooms.jobs.page(actor, kind=kind, state=state, owner=owner, search=search, size=size)
    runner = rooms.jobs.runner()
    shown = [rooms.jobs.to_dict(job, runner) for job in found]
    if json:
        as_json(shown)
    elif not shown:
        line("No jobs. `nexusai jobs submit batch --model NAME FILES` starts one.")
    else:
        rows = (
            (j["id"][:12], j["kind"], j["state"], _counts(j), j["owner"], f"{j['created_at']:%F %T}") for j in shown
        )
        table(("id", "kind", "state", "done", "owner", "created (UTC)"), rows)
        if total > len(shown):
            line(f"{total - len(shown):,} older ones are not shown.")


@submit.command("batch")
def submit_batch(  # noqa: PLR0913, PLR0917 - its options
    model: Annotated[str, typer.Option(help="the registered name")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="images, zip archives of images, folders of images")
    ] = None,
    version: Annotated[int | None, typer.Option(help="a version number")] = None,
    alias: Annotated[str | None, typer.Option(help="an alias; the default is champion")] = None,
    confidence: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    iou: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    annotate: Annotated[bool, typer.Option(help="also make the pictures with the answers drawn on them")] = False,
    folder: Annotated[
        str,
        typer.Option(help="instead of files: a folder or s3://bucket/prefix of NEXUSAI_BATCH_FOLDERS, read in place"),
    ] = "",
    dataset: Annotated[str, typer.Option(help="instead of files: a dataset's name or name/version")] = "",
    wait: Annotated[bool, typer.Option(help="watch it until it has ended")] = False,
    json: AsJson = False,
) -> None:
    """Run a model on many images."""
    from registry.jobs.batches import Asked
    from registry.models.thresholds import Thresholds

    rooms, actor = open_rooms()
    asked = Asked(model, version, alias, Thresholds(confidence, iou), annotate)
    if [bool(files), bool(folder), bool(dataset)].count(True) != 1:
        raise InvalidInput("name either files, or a folder with --folder, or a dataset with --dataset")
    if dataset:
        job = rooms.batches.start_dataset(actor, asked, dataset)
    elif folder:
        job = rooms.batches.start_folder(actor, asked, folder)
    else:
        job = rooms.batches.start_uploads(actor, asked, _uploads(files or []))
    follow(rooms, actor, job, wait=wait, json=json)


@submit.command("video")
def submit_video(  # noqa: PLR0913, PLR0917 - its options
    model: Annotated[str, typer.Option(help="the registered name")],
    file: Annotated[Path | None, typer.Argument(help="a video, which is copied")] = None,
    path: Annotated[str, typer.Option(help="instead: a video below NEXUSAI_BATCH_FOLDERS, read in place")] = "",
    camera: Annotated[str, typer.Option(help="instead: what a camera recorded, by its name or id")] = "",
    since: Annotated[
        datetime | None, typer.Option("--from", formats=TIMES, help="of a camera: from then on, UTC")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=TIMES, help="of a camera: up to then, UTC")] = None,
    version: Annotated[int | None, typer.Option(help="a version number")] = None,
    alias: Annotated[str | None, typer.Option(help="an alias; the default is champion")] = None,
    confidence: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    iou: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    every: Annotated[int, typer.Option(min=1, max=1_000, help="look at each so-many-th picture")] = 1,
    fps: Annotated[float | None, typer.Option(min=0.01, max=240, help="look at so many pictures a second")] = None,
    track: Annotated[bool, typer.Option(help="follow things from picture to picture")] = True,
    annotate: Annotated[bool, typer.Option(help="also make the film with the answers drawn on it")] = True,
    places: Annotated[Path | None, typer.Option(help="a JSON file with zones and lines")] = None,
    wait: Annotated[bool, typer.Option(help="watch it until it has ended")] = False,
    json: AsJson = False,
) -> None:
    """Analyse a video: tracks, counts, charts, an annotated film."""
    from registry.jobs.video.places import read_places
    from registry.jobs.video.videos import Asked, Stretch
    from registry.models.thresholds import Thresholds

    rooms, actor = open_rooms()
    if [bool(file), bool(path), bool(camera)].count(True) != 1:
        raise InvalidInput("name either a video, or one on the server with --path, or a camera with --camera")
    if bool(camera) != bool(since and until) or bool(since) != bool(until):
        raise InvalidInput("a camera goes with --from and --to, and they with a camera")
    about = read_places(places, every=every, fps=fps, track=track, annotate=annotate)
    asked = Asked(model, version, alias, Thresholds(confidence, iou), about)
    if path:
        job = rooms.videos.start_path(actor, asked, path)
    elif since and until:
        stretch = Stretch(rooms.cameras.named(actor, camera).id, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC))
        job = rooms.videos.start_camera(actor, asked, rooms.recordings, stretch)
    elif file and file.is_file():
        job = rooms.videos.start_upload(actor, asked, file.name, _chunks(file))
    else:
        raise InvalidInput(f"{file} is not a file")
    follow(rooms, actor, job, wait=wait, json=json)


@group.command("watch")
def watch(job: JobId, json: AsJson = False) -> None:
    """Show how far a job is until it has ended."""
    rooms, actor = open_rooms()
    _watch(_handle(rooms, actor, job), json=json)


@group.command("cancel")
def cancel(job: JobId, json: AsJson = False) -> None:
    """Cancel a job; what is finished is kept."""
    rooms, actor = open_rooms()
    told = _handle(rooms, actor, job).cancel()
    if json:
        as_json(told)
    else:
        line(f"Job {told['id'][:12]} " + ("is stopping." if told["cancelling"] else "is cancelled."))


@group.command("retry")
def retry(job: JobId, json: AsJson = False) -> None:
    """Run a job again that has failed; it goes on from what it had finished."""
    rooms, actor = open_rooms()
    told = _handle(rooms, actor, job).retry()
    if json:
        as_json(told)
    else:
        line(f"Job {told['id'][:12]} is queued again.")


def follow(rooms: "Platform", actor: Any, job: "Job", *, wait: bool, json: bool) -> None:
    """Watch a job that was started, or say how to."""
    if wait:
        _watch(_handle(rooms, actor, job.id), json=json)
    elif json:
        as_json(rooms.jobs.to_dict(job))
    else:
        images = f"{job.total:,} images. " if job.kind == "batch" else ""
        line(f"Job {job.id}: {images}`nexusai jobs watch {job.id[:12]}` shows how far it is.")


def open_rooms() -> "tuple[Platform, Any]":
    """The platform of this home, and the account that this process runs under."""
    from app.platform import Platform
    from registry.access.actor import local_actor

    return Platform.open(load_settings()), local_actor()


def _handle(rooms: "Platform", actor: Any, beginning: str) -> "JobHandle":
    """The job of an id, or of the beginning of one among the newest."""
    from registry.jobs.handle import JobHandle

    newest, _ = rooms.jobs.page(actor, size=1_000)
    ids = [each.id for each in newest if each.id.startswith(beginning)] if len(beginning) >= 4 else []
    if len(ids) > 1:
        raise InvalidInput(f"{len(ids)} jobs begin with {beginning!r}", hint="Give more of the id.")
    return JobHandle(rooms.jobs.get(actor, ids[0] if ids else beginning).id, actor, rooms.jobs)


def _watch(job: "JobHandle", *, json: bool) -> None:
    ended = job.watch(None if json else lambda words: line(f"  {words}"))
    if json:
        as_json(ended)
    else:
        _show_result(ended)
    if ended["state"] != "succeeded":
        raise typer.Exit(1)


def _show_result(job: dict[str, Any]) -> None:
    result = job["result"] or {}
    if "figures" in result:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in result["figures"].items())
        line(f"  {result['model']['name']}/{result['model']['version']} on the test split: {figures}")
    if "verdict" in result:
        line(result["verdict"])
    for failed in result.get("failed", [])[:20]:
        line(f"  not read: {failed['file']}: {failed['message']}")
    for file in result.get("files", []):
        line(f"  {file['name']}  {file['size_bytes']:,} bytes  {file['href']}")


def _counts(job: dict[str, Any]) -> str:
    return f"{job['done']:,} of {job['total']:,}"


def _uploads(paths: Iterable[Path]) -> "Iterator[Upload]":
    from registry.jobs.batch_inputs import Upload, list_images
    from registry.jobs.image_folders import LocalFolder

    for path in paths:
        if path.is_dir():
            root = path.resolve()
            entries = list_images(LocalFolder(root)).entries
            yield from (Upload(f"{path.name}/{name}", _chunks(root / name)) for name, _, _ in entries)
        elif path.is_file():
            yield Upload(path.name, _chunks(path))
        else:
            raise InvalidInput(f"{path} is neither a file nor a folder")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk
