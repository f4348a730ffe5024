"""`nexusai cameras …`."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from app.cli.say import as_json, line, moment, table
from registry.errors import InvalidInput
from registry.settings import load_settings

if TYPE_CHECKING:
    from app.platform import Platform
    from registry.access import Actor
    from registry.cameras.view import CameraView

group = typer.Typer(help="Cameras and what they saw.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Camera = Annotated[str, typer.Argument(help="the camera's name or id")]


@group.command("list")
def list_cameras(
    group_name: Annotated[str, typer.Option("--group", help="only those of this group")] = "",
    state: Annotated[str, typer.Option(help="only those: stopped, connecting, live, stalled, waiting or failed")] = "",
    search: Annotated[str, typer.Option(help="part of a name or URL")] = "",
    json: AsJson = False,
) -> None:
    """List the cameras with what they are doing."""
    from registry.records.camera_list import CameraFilter

    rooms, actor = _open()
    wanted = CameraFilter(_group_id(rooms, actor, group_name) or "", _state(state), search)
    found, _ = rooms.cameras.page(actor, wanted, size=100_000)
    if json:
        as_json([each.to_dict() for each in found])
    elif not found:
        line("No cameras. `nexusai cameras add NAME URL` adds one.")
    else:
        table(("name", "state", "fps", "model", "group", "URL"), (_row(each) for each in found))


@group.command("add")
def add(  # noqa: PLR0913, PLR0917 - its options
    name: Annotated[str, typer.Argument(help="what to call it")],
    url: Annotated[str, typer.Argument(help="rtsp://host/path, http://…, file:///…, device:/dev/video0")],
    username: Annotated[str | None, typer.Option(help="the name that the camera asks for")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="read the camera's password from standard input")
    ] = False,
    model: Annotated[str, typer.Option(help="a registered detector to look with")] = "",
    alias: Annotated[str | None, typer.Option(help="which version, such as champion")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="which version, for good")] = None,
    fps: Annotated[float, typer.Option(min=0.1, max=60, help="pictures a second that are analysed")] = 5.0,
    group_name: Annotated[str, typer.Option("--group", help="the group it belongs to")] = "",
    record: Annotated[str, typer.Option(help="off, motion, events or continuous")] = "off",
    analysis: Annotated[
        Path | None, typer.Option(help="a JSON file with motion, zones, lines and rules", exists=True, dir_okay=False)
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="accept a certificate the camera signed itself")] = False,
    start: Annotated[bool, typer.Option("--start/--no-start", help="start it at once")] = True,
    json: AsJson = False,
) -> None:
    """Add a camera. Its password comes by standard input, never as an argument."""
    if _has_password(url):
        raise InvalidInput(
            "a password in the URL is seen by everybody who lists this machine's processes",
            hint="Leave it out of the URL, and give --username and --password-stdin.",
        )
    from registry.cameras.asked import NewCamera
    from registry.cameras.configuration import parsed

    given: dict[str, Any] = {
        "name": name,
        "url": url,
        "username": username,
        "password": sys.stdin.readline().rstrip("\r\n") if password_stdin else None,
        "verify_tls": not insecure,
        "model": model,
        "alias": alias,
        "version": version,
        "analysed_fps": fps,
        "recording": {"mode": record},
        "start": start,
    }
    rooms, actor = _open()
    given["group_id"] = _group_id(rooms, actor, group_name)
    if analysis is not None:
        given["analysis"] = _read(analysis)
    made = rooms.cameras.create(actor, parsed(NewCamera, given, "camera"))
    _say(made, f"{made.record.name} is added{'' if start else ', and not started'}.", json=json)


def _has_password(url: str) -> bool:
    try:
        return bool(urlsplit(url).password)
    except ValueError:  # no URL at all, which is refused later
        return False


@group.command("show")
def show(camera: Camera, json: AsJson = False) -> None:
    """Show a camera with its settings and what it is doing."""
    rooms, actor = _open()
    told = rooms.cameras.named(actor, camera).to_dict()
    if json:
        as_json(told)
        return
    for key in ("name", "id", "url", "state", "detail", "fps", "model", "alias", "version", "analysed_fps", "group"):
        line(f"{key:13} {told[key] if told[key] is not None else ''}")
    names = ", ".join(zone["name"] for zone in told["zones"])
    line(f"{'zones':13} {names}")
    line(f"{'recording':13} {told['recording'].get('mode', 'off')}")


@group.command("start")
def start_camera(camera: Camera, json: AsJson = False) -> None:
    """Have a camera run; one that has failed is connected anew."""
    rooms, actor = _open()
    found = rooms.cameras.start(actor, rooms.cameras.named(actor, camera).id)
    _say(found, f"{found.record.name} is to run.", json=json)


@group.command("stop")
def stop_camera(camera: Camera, json: AsJson = False) -> None:
    """Have a camera stop."""
    rooms, actor = _open()
    found = rooms.cameras.stop(actor, rooms.cameras.named(actor, camera).id)
    _say(found, f"{found.record.name} is to stop.", json=json)


@group.command("remove")
def remove(
    camera: Camera, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False, json: AsJson = False
) -> None:
    """Remove a camera; its events and recordings stay for as long as the settings say."""
    rooms, actor = _open()
    found = rooms.cameras.named(actor, camera)
    if not yes:
        typer.confirm(f"Remove {found.record.name}?", abort=True)
    rooms.cameras.delete(actor, found.id)
    if json:
        as_json({"removed": found.id})
    else:
        line(f"{found.record.name} is removed.")


@group.command("test")
def try_connection(
    url: Annotated[str, typer.Argument(help="the URL to try")],
    username: Annotated[str | None, typer.Option(help="the name that the camera asks for")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="read the camera's password from standard input")
    ] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help="accept a certificate the camera signed itself")] = False,
    json: AsJson = False,
) -> None:
    """Try a camera's connection for some seconds."""
    from registry.cameras.asked import Tried
    from registry.cameras.configuration import parsed

    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    given = {"url": url, "username": username, "password": password, "verify_tls": not insecure}
    rooms, actor = _open()
    found = rooms.probes.test(actor, parsed(Tried, given, "camera"))
    if json:
        as_json(found.to_dict())
    elif found.ok:
        line(f"{found.at}: {found.width} x {found.height}, {found.fps:g} pictures a second, {found.codec}")
    else:
        line(f"{found.at}: {found.words} ({found.detail})")
    if not found.ok:
        raise typer.Exit(1)


@group.command("events")
def list_events(
    camera: Annotated[str, typer.Argument(help="a camera's name or id; left out: all of them")] = "",
    kind: Annotated[str, typer.Option(help="object, offline, online or disk")] = "",
    label: Annotated[str, typer.Option(help="only of this label")] = "",
    zone: Annotated[str, typer.Option(help="only in this zone")] = "",
    hours: Annotated[float, typer.Option(min=0, help="only of the last so many hours; 0 is no bound")] = 0.0,
    size: Annotated[int, typer.Option(min=1, max=10_000, help="the newest so many")] = 50,
    json: AsJson = False,
) -> None:
    """List what cameras saw, newest first."""
    from registry.cameras.events import event_dict
    from registry.records.camera_events import EventFilter

    rooms, actor = _open()
    camera_id = rooms.cameras.named(actor, camera).id if camera else ""
    since = datetime.now(UTC) - timedelta(hours=hours) if hours else None
    wanted = EventFilter(camera_id, kind=kind, label=label, zone=zone, since=since)
    found, total = rooms.events.page(actor, wanted, size=size)
    if json:
        as_json([event_dict(each) for each in found])
        return
    rows = (
        (moment(e.started_at), e.camera_name, e.label or e.kind, f"{e.score:.2f}", ", ".join(e.zones), e.id)
        for e in found
    )
    table(("began (UTC)", "camera", "what", "score", "zones", "id"), rows)
    if total > len(found):
        line(f"{total - len(found):,} older ones are not shown.")


def _open() -> "tuple[Platform, Actor]":
    from app.platform import Platform
    from registry.access.actor import local_actor

    rooms = Platform.open(load_settings())
    rooms.database.upgrade()
    return rooms, local_actor()


def _group_id(rooms: "Platform", actor: "Actor", name: str) -> str | None:
    """The id of the group of that name. Raises InvalidInput."""
    if not name:
        return None
    for each in rooms.camera_groups.list(actor):
        if name in {each["name"], each["id"]}:
            return str(each["id"])
    raise InvalidInput(f"there is no group {name[:80]!r}", hint="POST /api/v1/camera-groups makes one.")


def _state(name: str) -> str:
    from registry.records.camera_list import STATES

    if name and name not in STATES:
        raise InvalidInput(f"{name[:40]!r} is not a state", hint=f"One of: {', '.join(STATES)}.")
    return name


def _read(path: Path) -> Any:
    from json import JSONDecodeError, loads

    try:
        found = loads(path.read_text("utf-8"))
    except (JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path}: expected an object with motion, zones, lines and rules")
    return found


def _say(camera: "CameraView", text: str, *, json: bool) -> None:
    if json:
        as_json(camera.to_dict())
    else:
        line(text)


def _row(camera: "CameraView") -> tuple[object, ...]:
    told = camera.to_dict()
    state = f"{told['state']}: {told['reason']}" if told["reason"] else told["state"]
    return told["name"], state, f"{told['fps']:.1f}", told["model"], told["group"], told["url"]
