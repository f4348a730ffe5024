"""Walking folders that others change meanwhile: what vanishes on the way is left out."""

import os
from collections.abc import Iterator
from pathlib import Path


def entries_in(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """What lies in a folder, in no order, each with what the disk says of it (links are not followed).

    A folder that is not there has nothing in it.
    """
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        try:
            about = path.lstat()
        except FileNotFoundError:
            continue
        yield path, about


def files_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file below a folder, in no order; links are files here, and not followed.

    Folders that may not be read are left out, as those that vanish are.
    """
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            try:
                yield path, path.lstat()
            except FileNotFoundError:
                continue
