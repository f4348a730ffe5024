"""A folder that foreign code may have filled with anything: measured in bounded time, removed whatever is in it."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path


def measure_tree(folder: Path, most_entries: int) -> int | None:
    """The bytes of all files below a folder; None for more files and folders than that, or where one is hidden."""
    total = entries = 0
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    entries += 1
                    if entries > most_entries:
                        return None
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:  # gone since it was listed
            continue
        except OSError:  # its path is too long, or it may not be read
            return None
    return total


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that can be."""
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # deeper than Python goes
        subprocess.run(["/bin/rm", "-rf", str(folder)], check=False, capture_output=True)  # noqa: S603 - our own folder
