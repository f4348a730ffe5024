"""Masks, key points and embeddings: known answers from tiny graphs, and Ultralytics' own on the same network."""

import numpy as np
import pytest
import supervision as sv

from registry.errors import InvalidCard, UnsupportedOutputs
from registry.runtime.card import Decoder, ModelCard, Task
from registry.runtime.infer_card import infer_card
from registry.runtime.masks import compact_masks
from registry.runtime.predictor import Predictor
from registry.testing import onnx_models as tiny

RED, DIM_BLUE = (0, 0, 255), (204, 0, 0)
ULTRALYTICS = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "8", "imgsz": "[64, 64]"}
VARIANTS = [
    pytest.param(True, False, id="dynamic"),
    *(
        pytest.param(*case, marks=pytest.mark.slow, id=name)
        for name, case in {"static": (False, False), "nms": (True, True)}.items()
    ),
]


def scene() -> np.ndarray:
    """Black 64 x 64 with a red cell at (40, 16) and a blue one at (0, 0)."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:24, 40:48] = RED
    image[0:8, 0:8] = DIM_BLUE
    return image


def decode(rle: dict) -> np.ndarray:
    """The line of docs/models.md that turns run lengths into an array."""
    return np.repeat(np.arange(len(rle["counts"])) % 2 == 1, rle["counts"]).reshape(rle["size"][::-1]).T


def card_of(card: ModelCard, **size: object) -> ModelCard:
    return card.model_copy(update={"input": card.input.model_copy(update=size)})


def test_a_segmenter_masks_exactly_the_lit_cells():
    prediction = Predictor(tiny.blob_segmenter(), tiny.BLOB_SEGMENT_CARD).predict(scene())
    rows = prediction.to_dict()["detections"]
    assert [row["label"] for row in rows] == ["red", "blue"]
    for row, (y, x) in zip(rows, ((16, 40), (0, 0)), strict=True):
        expected = np.zeros((64, 64), bool)
        expected[y : y + 8, x : x + 8] = True
        assert np.array_equal(decode(row["mask"]), expected)


def test_masks_lie_in_the_pixels_of_the_source():
    large = np.zeros((256, 512, 3), np.uint8)
    large[64:128, 128:192] = RED
    detections = Predictor(tiny.blob_segmenter(), tiny.BLOB_SEGMENT_CARD).predict(large).detections
    (mask,) = np.asarray(detections.mask)
    assert mask.shape == (256, 512)
    assert np.array_equal(mask, large[..., 2] > 0)


def test_a_picture_of_nothing_has_no_masks():
    prediction = Predictor(tiny.blob_segmenter(), tiny.BLOB_SEGMENT_CARD).predict(np.zeros((40, 90, 3), np.uint8))
    assert prediction.to_dict()["detections"] == []


def test_memory_for_masks_follows_the_boxes_and_not_the_picture():
    """Sixty objects on 24 megapixels would be 1.4 GB as whole arrays."""
    image = np.zeros((4000, 6000, 3), np.uint8)
    for index in range(60):
        y, x = divmod(index, 10)
        image[y * 375 + 1000 : y * 375 + 1094, x * 562 : x * 562 + 94] = RED
    card = card_of(tiny.BLOB_SEGMENT_CARD, dynamic=True, height=640, width=640)
    mask = Predictor(tiny.blob_segmenter(0), card).predict(image).detections.mask
    assert len(mask) >= 30
    assert mask.image_shape == (4000, 6000)
    assert max(mask.crop(index).size for index in range(len(mask))) < 100_000


@pytest.mark.parametrize("filled", [0.0, 0.02, 0.5, 0.98, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (37, 53)])
def test_runs_are_those_that_supervision_counts(shape: tuple[int, int], filled: float):
    crop = np.random.default_rng(3).random(shape) < filled
    (runs,) = compact_masks([crop], np.array([[4, 2]], np.int32), (80, 90))._rles
    assert runs.tolist() == sv.mask_to_rle(crop)


def test_a_pose_model_answers_its_points_in_source_pixels():
    large = np.zeros((256, 512, 3), np.uint8)
    large[64:128, 128:192] = RED
    prediction = Predictor(tiny.blob_poser(), tiny.BLOB_POSE_CARD).predict(large)
    (row,) = prediction.to_dict()["detections"]
    assert row["keypoints"] == [[128, 64, 1], [192, 128, 1]]
    assert prediction.detections.data["keypoints"].shape == (1, 2, 3)


def test_an_embedding_has_length_one_and_points_with_the_colour():
    predictor = Predictor(tiny.colour_embedder(), tiny.COLOUR_EMBED_CARD)
    dark, light = (predictor.predict(np.full((20, 30, 3), (0, level, 2 * level), np.uint8)) for level in (40, 120))
    assert dark.embedding == pytest.approx(np.array([2, 1, 0]) / 5**0.5, abs=1e-5)
    assert light.to_dict()["embedding"] == pytest.approx(dark.embedding.tolist(), abs=1e-5)


def test_an_embedding_of_zeros_points_nowhere_and_is_refused():
    with pytest.raises(UnsupportedOutputs, match="zeros"):
        Predictor(tiny.colour_embedder(), tiny.COLOUR_EMBED_CARD).predict(np.zeros((8, 8, 3), np.uint8))


INFERRED = [
    (tiny.blob_segmenter(metadata=ULTRALYTICS | {"task": "segment"}), tiny.BLOB_SEGMENT_CARD, "metadata"),
    (tiny.blob_segmenter(), tiny.BLOB_SEGMENT_CARD, "prototypes beside the boxes"),
    (
        tiny.blob_poser(metadata=ULTRALYTICS | {"task": "pose", "kpt_shape": "[2, 3]"}),
        tiny.BLOB_POSE_CARD,
        "key points",
    ),
]


@pytest.mark.parametrize(("model", "expected", "why"), INFERRED, ids=[row[2] for row in INFERRED])
def test_a_card_is_derived_for_masks_and_poses(model, expected, why):
    card = infer_card(model)
    assert (card.task, card.decoder, card.keypoint_shape) == (expected.task, Decoder.YOLO, expected.keypoint_shape)
    assert len(card.labels) == 3
    Predictor(model, card).warm_up()


MISMATCHES = [
    (tiny.blob_detector(), tiny.BLOB_SEGMENT_CARD, "two float tensors", "no prototypes"),
    (tiny.blob_detector(), tiny.BLOB_POSE_CARD, r"4 \+ labels \+ 6", "no points"),
    (tiny.blob_segmenter(), tiny.BLOB_CARD, "answers 2", "prototypes that a detector has not"),
    (tiny.blob_poser(), tiny.BLOB_POSE_CARD.model_copy(update={"keypoint_shape": (3, 3)}), r"\+ 9", "another count"),
    (tiny.blob_detector(), card_of(tiny.COLOUR_EMBED_CARD, height=64, width=64), r"\(1, d\)", "boxes for a vector"),
]


@pytest.mark.parametrize(("model", "card", "says", "why"), MISMATCHES, ids=[row[3] for row in MISMATCHES])
def test_a_graph_without_what_the_task_needs_is_refused(model, card, says, why):
    with pytest.raises(UnsupportedOutputs, match=says):
        Predictor(model, card)


def test_key_points_belong_to_poses_only():
    with pytest.raises(InvalidCard, match="keypoint_shape"):
        ModelCard.parse('{"task": "pose", "decoder": "yolo"}')
    with pytest.raises(InvalidCard, match="keypoint_shape"):
        ModelCard.parse('{"task": "detect", "decoder": "yolo", "keypoint_shape": [17, 3]}')
    with pytest.raises(UnsupportedOutputs, match="pose"):
        infer_card(tiny.blob_detector(metadata=ULTRALYTICS | {"task": "pose"}))


@pytest.mark.parametrize(("dynamic", "nms"), VARIANTS)
def test_yolo11n_seg_answers_the_references_masks(dynamic, nms, perf_loop, images):
    """Every instance, in every proportion of letterbox: as Ultralytics makes them with `retina_masks=True`."""
    found = answers(perf_loop, images, "yolo11n-seg", dynamic=dynamic, nms=nms)
    total = 0
    for result, prediction in found:
        ours = np.asarray(prediction.detections.mask)
        reference = np.zeros_like(ours) if result.masks is None else result.masks.data.numpy().astype(bool)
        assert len(ours) == len(reference)
        union = (ours | reference).sum(axis=(1, 2))
        assert ((ours & reference).sum(axis=(1, 2)) >= 0.99 * union).all()
        total += len(ours)
    assert total > 200, "too few masks to say anything"


@pytest.mark.parametrize(("dynamic", "nms"), VARIANTS)
def test_yolo11n_pose_answers_the_references_points(dynamic, nms, perf_loop, images):
    found = answers(perf_loop, images, "yolo11n-pose", dynamic=dynamic, nms=nms)
    for result, prediction in found:
        reference, ours = result.keypoints.data.numpy(), prediction.detections.data["keypoints"]
        assert ours.shape == reference.shape
        assert ours == pytest.approx(reference, abs=0.01)
    assert sum(len(prediction.detections) for _, prediction in found) > 200, "too few poses to say anything"


def answers(perf_loop, images, architecture: str, *, dynamic: bool, nms: bool) -> list[tuple]:
    """What Ultralytics and we say about each image."""
    from pathlib import Path

    ultralytics = pytest.importorskip("ultralytics")
    name = f"{architecture}-{'dynamic' if dynamic else 'static'}{'-nms' if nms else ''}.onnx"
    folder = Path(__file__).parents[3] / "build"
    path = perf_loop.make_yolo11n_onnx(folder / name, dynamic=dynamic, nms=nms, architecture=architecture)
    data = path.read_bytes()
    card = infer_card(data)
    assert card.task == Task.SEGMENT if architecture.endswith("seg") else Task.POSE
    peer = ultralytics.YOLO(path, task=str(card.task))
    asked = {"conf": 0.25, "iou": 0.7, "max_det": 60, "retina_masks": True, "verbose": False, "device": "cpu"}
    predictor = Predictor(data, card, threads=2)
    return [
        (peer.predict(image, **asked)[0], predictor.predict(image, confidence=0.25, iou=0.7, max_detections=60))
        for image in images.values()
    ]
