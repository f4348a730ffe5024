"""Video analysis against `ultralytics` track: the same ONNX, kind of tracker and 720p clip, both with annotated output.

Whole jobs are timed, from the opened file to the stored results, in turn with the peer's loop. A long run with the
starter detector tells whether memory grows with a video's length.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil

from registry.access.actor import local_actor
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, execute
from registry.jobs.video.analysis import analyse_video
from registry.jobs.video.parameters import VideoAsked
from registry.jobs.video.videos import Asked, Videos
from registry.models.process import running_mlflow
from registry.models.publish import Draft
from registry.models.thresholds import Thresholds
from registry.records import Job, jobs
from registry.runtime.card import ModelCard
from registry.runtime.infer_card import infer_card
from registry.settings import PROJECT_ROOT, Settings, load_settings
from registry.streams.video_file import VideoFile
from registry.streams.video_probe import look
from registry.testing.video import Clip, write_digit_clip
from registry.training.digits import load_digits
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report, spread
from tests.perf.tracker_solver import need_tracker_solver

FASTER, BOXES, REPEATS = 1.30, 8, 3
CLIP, LONG = Clip(seconds=10.0), Clip(seconds=160.0, size_wh=(320, 180))
MOST_SLOPE_MIB, _SETTLED = 1.0, 1_000
STARTER = PROJECT_ROOT / "data" / "starter" / "digit-detector"


def main() -> Report:
    """Ours and theirs in turn, then the long run."""
    network = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder, bench(Path(folder)) as ours:
        clip, long = Path(folder, "clip.mp4"), Path(folder, "long.mp4")
        write_digit_clip(clip, load_digits(), CLIP)
        write_digit_clip(long, load_digits(), LONG)
        ours.publish("shaped", network.read_bytes(), infer_card(network.read_bytes()))
        ours.publish(
            "starter", (STARTER / "model.onnx").read_bytes(), ModelCard.parse((STARTER / "card.json").read_text())
        )
        confidence = ours.confidence_for(BOXES, "shaped", clip)
        peer = Peer(network, clip, confidence, Path(folder))
        ours.analyse("shaped", clip, confidence), peer()
        runs = [(ours.analyse("shaped", clip, confidence), peer()) for _ in range(REPEATS)]
        grown = ours.analyse("starter", long, None)
        limit = model_only(network)
    mine = [each.seconds / CLIP.frames for each, _ in runs]
    theirs = [seconds / CLIP.frames for seconds, _ in (peer_run for _, peer_run in runs)]
    return Report(
        name="video",
        figures={
            "frames_a_second": 1 / statistics.median(mine),
            "seconds_a_frame": spread(mine),
            "boxes_a_frame": runs[-1][0].found / CLIP.frames,
            "tracks": runs[-1][0].tracks,
            "cpu_ms_a_frame": runs[-1][0].cpu_ms,
            "long_run": {"frames": LONG.frames, "frames_a_second": LONG.frames / grown.seconds},
        },
        baseline={
            "name": "ultralytics track, bytetrack.yaml, save=True",
            "frames_a_second": 1 / statistics.median(theirs),
            "seconds_a_frame": spread(theirs),
            "boxes_a_frame": runs[-1][1][1] / CLIP.frames,
            "model_only_two_sessions_a_second": limit,
        },
        ratio=statistics.median(ours_s / theirs_s for ours_s, theirs_s in zip(mine, theirs, strict=True)),
        bound=1 / FASTER,
        repeats=REPEATS,
        limits={"memory_mib_per_1000_frames": (grown.slope_mib, MOST_SLOPE_MIB)},
    )


@dataclass(slots=True)
class Outcome:
    """One analysed video."""

    seconds: float
    found: int
    tracks: int
    pictures: int
    cpu_ms: dict[str, float]
    memory: list[tuple[int, float]] = field(default_factory=list)

    @property
    def slope_mib(self) -> float:
        """What 1,000 frames add to the process's memory, once it has settled."""
        settled = [each for each in self.memory if each[0] >= _SETTLED]
        if len(settled) < 2:
            return 0.0
        frames, mib = np.array(settled).T
        return float(np.polyfit(frames / 1_000, mib, 1)[0])


@dataclass(frozen=True, slots=True)
class Ours:
    """A platform's jobs, run in this process."""

    rooms: JobRooms
    jobs: Jobs
    videos: Videos

    def publish(self, name: str, model: bytes, card: ModelCard) -> None:
        """Register a model."""
        self.rooms.models.publish(local_actor(), Draft(name, {"model.onnx": model}, card, alias="champion"))

    def confidence_for(self, boxes: int, model: str, clip: Path) -> float:
        """The confidence above which there are so many boxes in the first picture."""
        video = VideoFile(clip.open("rb"))
        sight = look(video)
        video.close()
        import cv2

        width, height = sight.size_wh
        yuv = np.frombuffer(sight.picture, np.uint8).reshape(height * 3 // 2, width)
        bgr = np.asarray(cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420))
        found = self.rooms.serving.predict(local_actor(), bgr, model=model, thresholds=Thresholds(0.02))
        scores = found.prediction.detections.confidence  # type: ignore[union-attr]
        return round(float(np.sort(scores)[::-1][: boxes + 1].min()), 4)

    def analyse(self, model: str, clip: Path, confidence: float | None) -> Outcome:
        """One job from its opened file to its stored results."""
        again = self.jobs.page(local_actor())[1] / 1e6  # else it were the same job
        asked = Asked(
            model, thresholds=Thresholds(None if confidence is None else confidence + again), about=VideoAsked()
        )
        job = self.videos.start_upload(local_actor(), asked, clip.name, [clip.read_bytes(), again.hex().encode()])
        with self.rooms.database.write() as session:
            ticket = jobs.hand_over(session, session.get(Job, job.id))  # type: ignore[arg-type]
        memory: list[tuple[int, float]] = []
        before, started = _cpu(), time.perf_counter()
        execute(self.rooms.database, self.rooms.storage, job.id, ticket, lambda run: self._work(run, memory))
        seconds = time.perf_counter() - started
        result = self.jobs.get(local_actor(), job.id).result or {}
        spent = {name: (now - before[name]) * 1e3 / result["pictures"] for name, now in _cpu().items()}
        return Outcome(seconds, result["found"], result["tracks"], result["pictures"], spent, memory)

    def _work(self, run: JobRun, memory: list[tuple[int, float]]) -> dict[str, Any]:
        tell, process = run.progress, psutil.Process()

        def progress(done: int, total: int, stage: str) -> None:
            tell(done, total, stage)
            if done and done % 100 == 0:
                memory.append((done, process.memory_info().rss / 2**20))

        run.progress = progress  # type: ignore[method-assign]
        return analyse_video(run, self.rooms)


@contextmanager
def bench(home: Path) -> Iterator[Ours]:
    """A platform's rooms with an MLflow server, for as long as the block lasts."""
    settings = load_settings(home=home / "home")
    settings.prepare_home()
    with running_mlflow(settings), opened(settings) as ours:
        ours.rooms.database.upgrade()
        yield ours


@contextmanager
def opened(settings: Settings) -> Iterator[Ours]:
    """The rooms of a platform, for as long as the block lasts."""
    rooms = JobRooms.open(settings)
    made = Jobs(rooms.database, rooms.storage)
    yield Ours(rooms, made, Videos(made, rooms.models))
    rooms.close()


class Peer:
    """`ultralytics` over the same clip; gives the seconds it took and how many boxes it tracked."""

    def __init__(self, network: Path, clip: Path, confidence: float, folder: Path) -> None:
        need_tracker_solver()
        from ultralytics import YOLO

        self._model: Any = YOLO(str(network), task="detect")
        self._clip, self._confidence, self._folder = clip, confidence, folder

    def __call__(self) -> tuple[float, int]:
        started, boxes = time.perf_counter(), 0
        answers = self._model.track(
            source=str(self._clip), tracker="bytetrack.yaml", conf=self._confidence, iou=0.7, imgsz=640, stream=True,
            save=True, project=str(self._folder), name="peer", exist_ok=True, verbose=False, persist=False,
        )  # fmt: skip
        for answer in answers:
            boxes += len(answer.boxes)
        return time.perf_counter() - started, boxes


def model_only(network: Path, runs: int = 60) -> float:
    """How often a second two sessions of one thread run the network alone: nothing can be faster here."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    sessions = [ort.InferenceSession(str(network), options, providers=["CPUExecutionProvider"]) for _ in range(2)]
    tensor = np.random.default_rng(0).random((1, 3, 384, 640), np.float32)

    def work(session: ort.InferenceSession) -> Callable[[], None]:
        return lambda: [session.run(None, {session.get_inputs()[0].name: tensor}) for _ in range(runs)] and None

    threads = [Thread(target=work(session)) for session in sessions]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 2 * runs / (time.perf_counter() - started)


def _cpu() -> dict[str, float]:
    """Seconds of processor time: this process's, and its ended children's (the decoder)."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"own": own.ru_utime + own.ru_stime, "decoder": children.ru_utime + children.ru_stime}
