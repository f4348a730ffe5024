"""The work of a child that is only there to find out which doors can be shut."""

from pathlib import Path


def work(folder: Path) -> str:
    """Nothing."""
    return folder.name
