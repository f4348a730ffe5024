"""Hot swaps on live cameras, with the end of every single frame written down."""

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.cameras.configuration import AnalysisSettings
from registry.streams import AnalysisOptions, Camera, Detector, Outcome, parse_source
from registry.streams.accounting import Ledger
from registry.testing.watched import wait_until
from tests.perf.camera_run import POLICY, Seen, Watching


@dataclass(slots=True)
class Book(Ledger):
    """A ledger that keeps each frame's end."""

    ends: dict[int, list[tuple[str, str]]] = field(default_factory=dict)

    def settle(self, frame_id: int, outcome: Outcome, detail: str = "") -> None:
        """As the ledger does, and by frame."""
        Ledger.settle(self, frame_id, outcome, detail)
        self.ends.setdefault(frame_id, []).append((str(outcome), detail))

    def fail(self, frame_id: int) -> None:
        """As the ledger does, and by frame."""
        Ledger.fail(self, frame_id)
        self.ends.setdefault(frame_id, []).append((str(Outcome.FAILED), ""))


def swap(
    urls: Sequence[str],
    detectors: Sequence[Detector],
    swaps: int,
    every_s: float,
    options: AnalysisOptions | None = None,
) -> dict[str, Any]:
    """Swap the model of every camera so many times, each once the last is seen; what became of the frames."""
    seen = Seen()
    pipeline = Watching(POLICY, (seen,))
    books = {f"camera-{number}": Book() for number in range(len(urls))}
    pipeline._ledgers.update(books)
    try:
        for name, url in zip(books, urls, strict=True):
            analysis = options or AnalysisSettings().options()
            pipeline.add(Camera(name, parse_source(url, POLICY), analysis=analysis), detectors[0])
        for number in range(swaps + 1):
            for name in books:
                pipeline.swap(name, detectors[number % len(detectors)])
            wait_until(lambda: _all_look_with(seen, books, detectors[number % len(detectors)].key), 90)  # noqa: B023
            time.sleep(every_s)
    finally:
        pipeline.close()
    return _told(books, seen)


def _all_look_with(seen: Seen, names: Iterable[str], key: str) -> bool:
    newest = {camera: model for (camera, _), (_, model) in list(seen.looked.items())}
    return all(newest.get(name) == key for name in names)


def _told(books: dict[str, Book], seen: Seen) -> dict[str, Any]:
    ends: Counter[str] = Counter()
    lost = twice = otherwise = 0
    changes: list[int] = []
    for name, book in books.items():
        captured = book.account().captured
        lost += captured - len(book.ends)
        twice += sum(len(each) > 1 for each in book.ends.values())
        models = [detail for _, each in sorted(book.ends.items()) for outcome, detail in each if outcome == "inferred"]
        changes.append(sum(one != two for one, two in itertools.pairwise(models)))
        for each in book.ends.values():
            ends.update(" ".join(part for part in end if part) for end in each)
        told = {frame: model for (camera, frame), (_, model) in seen.looked.items() if camera == name}
        otherwise += sum(("inferred", model) not in book.ends.get(frame, []) for frame, model in told.items())
    return {"ends": dict(ends), "lost": lost, "twice": twice, "told_otherwise": otherwise, "changes": changes}
