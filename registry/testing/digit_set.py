"""A small dataset to train on: scenes of handwritten digits in the YOLO layout, divided into train, val and test."""

from pathlib import Path

import yaml

from registry.training.digits import LABELS, load_digits, split_digits
from registry.training.params import SceneParams
from registry.training.scene_folder import write_scenes
from registry.training.scenes import SceneComposer

_SEED = 70


def write_digit_set(folder: Path, counts: dict[str, int], size_px: int = 96) -> Path:
    """Write so many scenes of each split, `size_px` square; digits of the test split serve in no other. Returns it."""
    split = split_digits(load_digits(), held_out_fraction=0.25, seed=7)
    highest = max(24, size_px // 3)
    params = SceneParams(size_wh=(size_px, size_px), digits_per_scene=(1, 3), digit_height_px=(20, highest))
    for number, (name, count) in enumerate(counts.items()):
        digits = split.held_out if name == "test" else split.train
        part = folder / name
        write_scenes(part, SceneComposer.over(digits, params), count, _SEED + number)
        (part / "manifest.json").unlink()
        for kind in ("images", "labels"):
            (folder / kind).mkdir(exist_ok=True)
            (part / kind).rename(folder / kind / name)
        part.rmdir()
    spec = {name: f"images/{name}" for name in counts} | {"names": dict(enumerate(LABELS))}
    (folder / "data.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return folder
