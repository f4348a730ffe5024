"""`nexusai recordings …`."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli.say import TIMES, as_json, line, moment, table
from registry.settings import load_settings
from registry.sizes import bytes_text

group = typer.Typer(help="What cameras recorded.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Camera = Annotated[str, typer.Argument(help="the camera's name or id")]
Time = Annotated[datetime, typer.Argument(formats=TIMES, help="in UTC")]


@group.command("list")
def list_recordings(
    camera: Annotated[str, typer.Option(help="the camera's name or id")] = "",
    mode: Annotated[str, typer.Option(help="motion, events or continuous (neither)")] = "",
    most: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json: AsJson = False,
) -> None:
    """List the newest recordings."""
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.errors import InvalidInput
    from registry.records.segments import HOLDS, SegmentFilter

    if mode and mode not in HOLDS:
        raise InvalidInput(f"--mode is one of {', '.join(HOLDS)}")
    rooms, actor = Platform.open(load_settings()), local_actor()
    rooms.database.upgrade()
    camera_id = rooms.cameras.named(actor, camera).record.id if camera else ""
    found, _ = rooms.recordings.page(actor, SegmentFilter(camera_id, holds=mode), size=most)
    if json:
        as_json([each.model_dump(mode="json", exclude={"path"}) for each in found])
    elif not found:
        line("Nothing is recorded. `nexusai cameras add … --record motion` records a camera.")
    else:
        rows = (
            (each.id, each.camera_name, moment(each.started_at), bytes_text(each.size_bytes), each.codec)
            for each in found
        )
        table(("id", "camera", "began", "size", "codec"), rows)


@group.command()
def export(
    camera: Camera,
    begin: Time,
    end: Time,
    target: Annotated[Path, typer.Argument(help="the new MP4")],
) -> None:
    """Write some time of a camera into one MP4."""
    from app.platform import Platform
    from registry.access.actor import local_actor

    rooms, actor = Platform.open(load_settings()), local_actor()
    rooms.database.upgrade()
    camera_id = rooms.cameras.named(actor, camera).record.id
    made = rooms.recordings.export(actor, camera_id, begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
    shutil.move(made.path, target)
    line(f"{target}: {made.started_at:%H:%M:%S} to {made.ended_at:%H:%M:%S} UTC, {bytes_text(made.size_bytes)}")
