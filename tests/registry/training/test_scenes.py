"""Composed scenes and their folders."""

from pathlib import Path

import numpy as np
import pytest

from registry.errors import ObjectNotFound
from registry.training.backgrounds import KINDS
from registry.training.digits import DigitSplit
from registry.training.params import SceneParams, TrainingParams
from registry.training.scene_folder import read_scenes, write_scenes
from registry.training.scenes import SceneComposer, ink_mask
from registry.training.versions import dataset_version

COUNT = 12


@pytest.fixture(scope="session")
def composer(split: DigitSplit, params: TrainingParams) -> SceneComposer:
    return SceneComposer.over(split.train, params.scenes)


def test_the_same_seed_composes_the_same_scene(composer: SceneComposer) -> None:
    first, second = composer.compose(1, 5), composer.compose(1, 5)
    np.testing.assert_array_equal(first.image_rgb, second.image_rgb)
    np.testing.assert_array_equal(first.boxes_xyxy, second.boxes_xyxy)


@pytest.mark.parametrize(("seed", "number"), [(2, 5), (1, 6)], ids=["other seed", "other number"])
def test_another_seed_or_number_composes_another_scene(composer: SceneComposer, seed: int, number: int) -> None:
    assert not np.array_equal(composer.compose(1, 5).image_rgb, composer.compose(seed, number).image_rgb)


@pytest.mark.parametrize("background", KINDS)
def test_boxes_lie_inside_the_picture_and_do_not_overlap(composer: SceneComposer, background: str) -> None:
    for number in range(COUNT):
        scene = composer.compose(3, number, background)
        height, width = scene.image_rgb.shape[:2]
        assert (scene.boxes_xyxy >= 0).all()
        assert (scene.boxes_xyxy <= [width, height, width, height]).all()
        covered = np.zeros((height, width), int)
        for x1, y1, x2, y2 in scene.boxes_xyxy.astype(int):
            covered[y1:y2, x1:x2] += 1
        assert covered.max() == 1


def test_a_digit_stands_out_inside_its_box(composer: SceneComposer) -> None:
    for number in range(COUNT):
        scene = composer.compose(4, number, "plain")
        ground = np.median(scene.image_rgb.reshape(-1, 3), axis=0)
        for x1, y1, x2, y2 in scene.boxes_xyxy.astype(int):
            inside = np.abs(scene.image_rgb[y1:y2, x1:x2] - ground).max(axis=2)
            # every side of the box touches ink
            assert min(inside[0].max(), inside[-1].max(), inside[:, 0].max(), inside[:, -1].max()) > 20


def test_ink_is_about_as_high_as_asked(split: DigitSplit) -> None:
    for image in split.train.images[:50]:
        assert 0.7 * 40 <= ink_mask(image, 40).shape[0] <= 1.2 * 40


def test_scenes_of_either_part_share_no_digit(split: DigitSplit, params: TrainingParams) -> None:
    train, held_out = (
        {
            int(index)
            for n in range(COUNT)
            for index in SceneComposer.over(part, params.scenes).compose(9, n).digit_indices
        }
        for part in (split.train, split.held_out)
    )
    assert train <= set(split.train.indices.tolist())
    assert held_out <= set(split.held_out.indices.tolist())


def test_a_folder_of_scenes_is_the_same_bytes_every_time(composer: SceneComposer, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_scenes(tmp_path / name, composer, COUNT, seed=5)
    write_scenes(tmp_path / "other", composer, COUNT, seed=6)
    version = dataset_version(tmp_path / "first")
    assert version == dataset_version(tmp_path / "second")
    assert version != dataset_version(tmp_path / "other")


def test_a_folder_reads_back_what_was_composed(composer: SceneComposer, tmp_path: Path) -> None:
    write_scenes(tmp_path, composer, COUNT, seed=5)
    images = list(read_scenes(tmp_path))
    assert len(images) == COUNT
    for number, image in enumerate(images):
        scene = composer.compose(5, number)
        np.testing.assert_allclose(image.boxes_xyxy, scene.boxes_xyxy, atol=0.01)
        np.testing.assert_array_equal(image.labels, scene.labels)
        mean_rgb = image.image_bgr[..., ::-1].mean(axis=(0, 1))  # JPEG blurs noise, not the mean
        np.testing.assert_allclose(mean_rgb, scene.image_rgb.mean(axis=(0, 1)), atol=3)


def test_a_folder_without_scenes_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(ObjectNotFound, match="no scenes") as refusal:
        list(read_scenes(tmp_path))
    assert "dvc repro" in refusal.value.hint


def test_a_digit_without_room_is_left_out(split: DigitSplit) -> None:
    tight = SceneParams(size_wh=(64, 64), digits_per_scene=(5, 5), digit_height_px=(60, 61))
    scene = SceneComposer.over(split.train, tight).compose(0, 0)
    assert 0 < len(scene.labels) < 5
