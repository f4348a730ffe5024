"""The input's shape as it travels into a child: what the card says, if there is a card."""

import json
from pathlib import Path

from registry.runtime.card import ModelCard

_FILE = "shape.json"


def write_shape(folder: Path, card: ModelCard | None) -> None:
    """Leave (1, channels, height, width) in the folder."""
    if card:
        spec = card.input
        (folder / _FILE).write_text(json.dumps([1, spec.channels, spec.height, spec.width]), encoding="utf-8")


def read_shape(folder: Path) -> tuple[int, int, int, int] | None:
    """The shape that was left, None without a card."""
    path = folder / _FILE
    if not path.exists():
        return None
    batch, channels, height, width = json.loads(path.read_text(encoding="utf-8"))
    return batch, channels, height, width
