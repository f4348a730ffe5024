"""What a model finds in the pictures of a video: decoding, scaling and several runs at once, in their order."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.errors import EngineBusy
from registry.models.answer import Answer
from registry.models.loaded import Loaded
from registry.models.serving import Serving
from registry.models.thresholds import Thresholds
from registry.runtime.card import InputSpec
from registry.streams.frames import UInt8, planes
from registry.streams.video_frames import Picture

_AHEAD = 3  # pictures that are decoded before they are needed
_BUSY_S = 0.05
_WAIT_S = 0.5
Ratio = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _End:
    """After the last picture; `error` is why it was the last."""

    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A picture with what the model found in it, boxes in pixels of the picture."""

    picture: Picture
    detections: sv.Detections


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded version with the thresholds it is asked with."""

    serving: Serving
    ready: Loaded
    thresholds: Thresholds

    @property
    def labels(self) -> npt.NDArray[np.str_]:
        """The names of its classes."""
        return np.array(self.ready.version.card.labels or ["object"], np.str_)

    def find(self, pictures: Iterator[Picture], stop: Callable[[], bool]) -> Generator[Found]:
        """What is found in each picture; decoding goes on in a thread of its own meanwhile."""
        with _Ahead(pictures, self.ready.version.card.input, stop) as ready:
            under_way: deque[tuple[Picture, Ratio, Future[Answer]]] = deque()
            for picture, image_bgr, ratio in ready:
                under_way.append((picture, ratio, self._ask(image_bgr, under_way)))
                while len(under_way) > self.serving.engine.slots + 1:
                    yield _finished(*under_way.popleft())
            while under_way:
                yield _finished(*under_way.popleft())

    def _ask(self, image_bgr: UInt8, under_way: "deque[tuple[Picture, Ratio, Future[Answer]]]") -> "Future[Answer]":
        while True:
            try:
                return self.serving.submit(self.ready, image_bgr, self.thresholds, patient=True)
            except EngineBusy:  # a slow model: one at a time then
                if under_way:
                    under_way[0][2].exception()
                else:
                    time.sleep(_BUSY_S)


class _Ahead:
    """Decodes and scales in a thread, a few pictures ahead of who reads."""

    def __init__(self, pictures: Iterator[Picture], spec: InputSpec, stop: Callable[[], bool]) -> None:
        self._pictures, self._spec, self._stop = pictures, spec, stop
        self._queue: queue.Queue[tuple[Picture, UInt8, Ratio] | _End] = queue.Queue(_AHEAD)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="decode", daemon=True)

    def __enter__(self) -> "_Ahead":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def __iter__(self) -> Iterator[tuple[Picture, UInt8, Ratio]]:
        while not self._stop():
            try:
                each = self._queue.get(timeout=_WAIT_S)
            except queue.Empty:
                continue
            if isinstance(each, _End):
                if each.error is not None:
                    raise each.error
                return
            yield each

    def _work(self) -> None:
        try:
            for picture in self._pictures:
                if not self._put((picture, *network_bgr(picture.yuv, self._spec))):
                    return
            self._put(_End())
        except Exception as error:  # noqa: BLE001 - a thread's edge: who reads raises it
            self._put(_End(error))
        finally:
            with suppress(AttributeError):
                self._pictures.close()  # type: ignore[attr-defined]

    def _put(self, each: "tuple[Picture, UInt8, Ratio] | _End") -> bool:
        while not self._over.is_set():
            try:
                self._queue.put(each, timeout=_WAIT_S)
            except queue.Full:
                continue
            return True
        return False


def network_bgr(yuv: UInt8, spec: InputSpec) -> tuple[UInt8, Ratio]:
    """A picture (h * 3 / 2, w) as BGR of the size its network's input asks for, and what x and y were divided by.

    Scaling the three planes and converting the small picture takes a tenth of the time of the other order.
    """
    height, width = yuv.shape[0] * 2 // 3, yuv.shape[1]
    ratio = min(spec.width / width, spec.height / height)
    if spec.resize != "letterbox" or ratio >= 1:
        return np.asarray(cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420)), (1.0, 1.0)
    small_wh = (max(round(width * ratio / 2), 1) * 2, max(round(height * ratio / 2), 1) * 2)
    small = np.empty((small_wh[1] * 3 // 2, small_wh[0]), np.uint8)
    for source, target in zip(planes(yuv), planes(small), strict=True):
        cv2.resize(source, target.shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_YUV2BGR_I420)), (width / small_wh[0], height / small_wh[1])


def _finished(picture: Picture, ratio: Ratio, asked: "Future[Answer]") -> Found:
    found = asked.result().prediction.detections
    if found is None or not len(found):
        return Found(picture, sv.Detections.empty())
    return Found(
        picture,
        sv.Detections(
            xyxy=(found.xyxy * np.array([*ratio, *ratio])).astype(np.float32),
            confidence=found.confidence,
            class_id=found.class_id,
            data={"class_name": found.data["class_name"], "row": np.arange(len(found))},
        ),
    )
