"""Two versions side by side: what is written about them, and what each says about one picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.access import Actor
from registry.models.answer import Answer
from registry.models.serving import Serving
from registry.models.types import ModelVersion, lineage_dict
from registry.runtime.answer_diff import AnswerDiff, compare_answers

if TYPE_CHECKING:
    import pandas as pd

_GROUPS = ("input", "thresholds", "metrics")
_IN_LINEAGE = frozenset({"dataset", "git_commit", "source"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is written about a version; None where it is not there."""

    group: str
    name: str
    left: Any
    right: Any

    @property
    def differs(self) -> bool:
        """Whether the versions differ in it."""
        return bool(self.left != self.right)


@dataclass(frozen=True, slots=True, repr=False)
class PictureComparison:
    """What two versions answered about one picture, and how far they agree."""

    left: Answer
    right: Answer
    diff: AnswerDiff

    def __repr__(self) -> str:
        sides = [f"{answer.version.name}/{answer.version.version}" for answer in (self.left, self.right)]
        return f"{sides[0]} against {sides[1]}: {self.diff.to_dict()}"

    def frame(self) -> "pd.DataFrame":
        """The agreement in one row per count, class or value."""
        import pandas as pd

        told = self.diff.to_dict()
        return pd.DataFrame(told["classes"]) if "classes" in told else pd.DataFrame([told])

    def plot(self) -> np.ndarray:
        """Both pictures with their answers, left and right: (height, about 2 x width, 3) uint8 in RGB."""
        pictures = [self.left.plot(), self.right.plot()]
        gap = np.full((pictures[0].shape[0], 8, 3), 255, np.uint8)
        return np.hstack([pictures[0], gap, pictures[1]])

    def _repr_png_(self) -> bytes:
        from registry.vision.encoding import encode_png

        return encode_png(self.plot())


def compare_on_picture(
    serving: Serving,
    actor: Actor,
    image: bytes | np.ndarray,
    left: ModelVersion,
    right: ModelVersion,
) -> PictureComparison:
    """Ask both versions about an image. Raises as `Serving.predict`, and InvalidInput where the tasks differ."""
    answers = [serving.predict(actor, image, model=each.name, version=each.version) for each in (left, right)]
    return PictureComparison(answers[0], answers[1], compare_answers(answers[0].prediction, answers[1].prediction))


def compare_cards(left: ModelVersion, right: ModelVersion) -> Sequence[Fact]:
    """Everything that is written about two versions, by group: files, card, input, thresholds, metrics, lineage."""
    first, second = dict(_told(left)), dict(_told(right))
    order = {group: index for index, group in enumerate(("files", "card", *_GROUPS, "lineage"))}
    keys = sorted({**first, **second}, key=lambda key: order[key[0]])
    return [Fact(*key, first.get(key), second.get(key)) for key in keys]


def _told(version: ModelVersion) -> Iterator[tuple[tuple[str, str], Any]]:
    yield ("files", "sha256"), version.sha256
    yield ("files", "size_bytes"), version.size_bytes
    card: Mapping[str, Any] = version.card.model_dump(mode="json")
    for name, value in card.items():
        if name in _GROUPS:
            for inner, figure in value.items():
                yield (name, inner), figure
        elif name not in _IN_LINEAGE:
            yield ("card", name), value
    for name, value in lineage_dict(version).items():
        yield ("lineage", name), value
    yield ("lineage", "published_by"), version.published_by
    yield ("lineage", "created_at"), version.created_at.isoformat(timespec="seconds")
