"""Measuring a model in every form and on every backend this machine has, within a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from registry.errors import InvalidModel
from registry.jobs.beside import beside
from registry.runtime.backends import survey
from registry.runtime.card import ModelCard
from registry.runtime.host_choice import Backend, Precision, default_choice
from registry.runtime.openvino_session import precisions
from registry.training.scene_folder import LabelledImage
from registry.tuning import variants
from registry.tuning.accuracy import accuracy
from registry.tuning.choosing import accurate, arrangement, choose
from registry.tuning.data import CALIBRATION_MOST, TuningData, first
from registry.tuning.lanes import Bench, Lane, Way, figures, opened, take_turns
from registry.tuning.table import Goal, Row
from registry.tuning.variants import Variant
from registry.tuning.watch import Watch

SCREENING_ROUNDS, FINAL_ROUNDS, FINALISTS = 5, 40, 4
_SURELY_JUDGED = 3  # of the fastest ways, however little time there is
_MEMORY_BYTES = 2 << 30  # of graphs that are open at once
_COPIES = 6  # of a graph's bytes that one way may hold open
_BUILT, _SCREENED, _JUDGED = 0.3, 0.5, 0.75  # shares of the time, by which each stage stops beginning new things

Engine = tuple[Backend, Precision]


@dataclass
class Study:
    """One model on this machine. `run` fills `rows`; `chosen` is the row that beats the default, if one does.

    `unjudged` counts the ways that the time did not suffice for.
    """

    own: Variant
    data: TuningData
    bench: Bench
    bound: float
    goal: Goal
    watch: Watch
    rows: dict[Way, Row] = field(default_factory=dict)
    base_accuracy: float = 0.0
    unjudged: int = 0

    def run(self) -> None:
        """Build the forms, screen their speed, judge the fast ones, measure the best again. Raises Cancelled."""
        default = self._add(Way(self.own, Backend.CPU))
        self.watch.tell(0.02, "accuracy of the default")
        self.base_accuracy = self._accuracy(default)
        self._judge(default, self.base_accuracy)
        ways = [default, *self._ways()]
        self._screen(default, [way for way in ways if way is not default])
        self._judge_fast()
        self._measure_again(default)
        for row in self.rows.values():
            row.choice = arrangement(row)

    @property
    def chosen(self) -> Row | None:
        """The row to run; it can be the default's own, with other numbers of threads. None when nothing is faster."""
        return choose(list(self.rows.values()), self.bound, self.goal)

    def best_of_own_files(self) -> Row | None:
        """The row to run while the version's own files are served."""
        return choose([row for row in self.rows.values() if not row.new_files], self.bound, self.goal)

    def variant_of(self, row: Row) -> Variant:
        """The form that a row is about."""
        return next(way.variant for way, each in self.rows.items() if each is row)

    def _add(self, way: Way) -> Way:
        self.rows[way] = Row(way.variant.name, way.backend, way.precision, way.variant.is_new)
        return way

    def _ways(self) -> list[Way]:
        made = [self._add(Way(self.own, *each)) for each in _engines() if each != (Backend.CPU, "f32")]
        large_enough = [self.own, *self._smaller()]
        forms = [*large_enough[1:], *variants.fixed(self.own)]
        for form in forms:
            known = {(way.backend, way.precision) for way in self.rows if way.variant is form}
            made += [self._add(Way(form, *each)) for each in _engines() if each not in known]
        made += [way for way in self.rows if way.variant in forms and way not in made and not self.rows[way].note]
        for form, engines in self._integers([each.card for each in large_enough]):
            made += [self._add(Way(form, *each)) for each in engines]
        return made

    def _smaller(self) -> Iterator[Variant]:
        """The plain network with smaller inputs, as long as its accuracy holds: a smaller one still would lose more."""
        for variant in variants.smaller(self.own):
            way = self._add(Way(variant, Backend.CPU))
            self.watch.tell(0.04, f"accuracy of {self.rows[way].name}")
            self._judge(way, self._accuracy(way))
            if not accurate(self.rows[way], self.bound):
                return
            yield variant

    def _integers(self, cards: Sequence[ModelCard]) -> Iterator[tuple[Variant, list[Engine]]]:
        """The forms in 8-bit integers with the engines that run them, for each input that is large enough."""
        images = first(self.data.calibration, CALIBRATION_MOST)
        engines = [each for each in _engines() if each in ((Backend.CPU, "f32"), (Backend.OPENVINO, "f32"))]
        self.watch.tell(0.08, "8-bit integers by ONNX Runtime")
        try:
            made = self._integers_by_onnx_runtime(images)
            for card in cards:
                yield replace(made, card=card), engines
        except InvalidModel as error:
            self._out(variants.INT8, Backend.CPU, error.message)
        by_openvino = [each for each in engines if each[0] is Backend.OPENVINO]
        if not by_openvino or self.watch.spent > _BUILT:
            return
        self.watch.tell(0.14, "8-bit integers by NNCF")
        try:
            by_nncf = beside(self.watch.check, lambda: variants.integers_for_openvino(self.own, images))
            if by_nncf is not None:
                for card in cards:
                    yield replace(by_nncf, card=card), by_openvino
        except InvalidModel as error:
            self._out(variants.INT8_OPENVINO, Backend.OPENVINO, error.message)

    def _integers_by_onnx_runtime(self, images: Sequence[LabelledImage]) -> Variant:
        whole = beside(self.watch.check, lambda: variants.integers(self.own, images, whole=True))
        if not variants.has_head(self.own):
            return whole
        way = self._add(Way(whole, Backend.CPU))
        self._judge(way, self._accuracy(way))
        if accurate(self.rows[way], self.bound):
            del self.rows[way]
            return whole
        self.rows[way].note = f"loses {self.rows[way].loss:.3f}, so the head stays fp32"
        return beside(self.watch.check, lambda: variants.integers(self.own, images, whole=False))

    def _out(self, variant: str, backend: Backend, note: str) -> None:
        nothing = Way(Variant(b"", self.own.card, variant), backend)
        self.rows[nothing] = Row(variant, backend, "f32", new_files=True, note=note)

    def _screen(self, default: Way, ways: list[Way]) -> None:
        groups = _groups(ways)
        for done, group in enumerate(groups):
            self.watch.tell(
                0.2 + 0.25 * done / len(groups), f"speed of {len(ways) + 1} forms, {done + 1}/{len(groups)}"
            )
            if done and self.watch.spent > _SCREENED:
                for way in group:
                    self.rows[way].note = "no time left to time it"
                self.unjudged += len(group)
                continue
            self._time(default, group, SCREENING_ROUNDS, _SCREENED, self.goal)

    def _time(self, default: Way, ways: Sequence[Way], rounds: int, until: float, goal: Goal | None = None) -> None:
        """Figures of some ways beside the default's; with a `goal` only of the lanes that it is about."""
        with opened(self.bench, [default, *ways], goal, self.watch) as (lanes, failed):
            take_turns(lanes, self.bench.images, rounds, self.watch, until)
            for lane in lanes:
                row = self.rows[lane.way]
                against = figures(lane, _counterpart(lane, lanes, default))
                if lane.sessions == 1:
                    row.alone[lane.threads] = against
                else:
                    row.beside[lane.sessions, lane.threads] = against
        for way, why in failed.items():
            self.rows[way].note = why

    def _judge_fast(self) -> None:
        """Accuracy in order of speed."""
        order, judged = sorted(self.rows, key=lambda way: -self._speed(way)), 0
        for done, way in enumerate(order):
            row = self.rows[way]
            if row.accuracy is not None or row.note:
                continue
            if self._speed(way) <= 1.0:
                row.note = "not faster"
            elif judged >= _SURELY_JUDGED and self.watch.spent > _JUDGED:
                self.unjudged += 1
                row.note = "no time left to judge it"
            else:
                self.watch.tell(0.45 + 0.25 * done / len(order), f"accuracy of {row.name}")
                self._judge(way, self._accuracy(way))
                judged += 1

    def _judge(self, way: Way, found: float) -> None:
        row = self.rows[way]
        row.accuracy, row.loss = found, max(0.0, self.base_accuracy - found)
        if not accurate(row, self.bound):
            row.note = f"loses {row.loss:.3f}"

    def _accuracy(self, way: Way) -> float:
        choice = default_choice(way.backend, self.bench.threads).model_copy(update={"precision": way.precision})
        model = beside(self.watch.check, lambda: self.bench.open(way, choice))
        return accuracy(model, self.data.held_out(), self.watch)

    def _speed(self, way: Way) -> float:
        found = self.rows[way].best(self.goal)
        return found.speedup if found else 0.0

    def _measure_again(self, default: Way) -> None:
        """The fastest that are accurate, and the default, once more for the rest of the time: these figures count."""
        fit = [way for way in self.rows if way is not default and accurate(self.rows[way], self.bound)]
        best = sorted((way for way in fit if self._speed(way) > 1.0), key=lambda way: -self._speed(way))[:FINALISTS]
        self.watch.tell(0.75, f"the best {len(best)} and the default once more")
        self._time(default, best, FINAL_ROUNDS, 0.97)


def _engines() -> list[Engine]:
    found: list[Engine] = []
    for each in survey():
        if each.usable:
            found.append((each.backend, "f32"))
            if each.backend is Backend.OPENVINO and "bf16" in precisions():
                found.append((each.backend, "bf16"))
    return found


def _groups(ways: list[Way]) -> list[list[Way]]:
    """As many at once as the memory for open graphs allows."""
    largest = max((len(way.variant.model_bytes) for way in ways), default=1)
    at_once = max(1, _MEMORY_BYTES // (_COPIES * largest))
    return [ways[at : at + at_once] for at in range(0, len(ways), at_once)]


def _counterpart(lane: Lane, lanes: Sequence[Lane], default: Way) -> Lane:
    """What a lane is compared with: the default alone with all threads, or side by side with one each."""
    same_end = [each for each in lanes if each.way is default and (each.sessions == 1) == (lane.sessions == 1)]
    return max(same_end, key=lambda each: (each.sessions, each.threads))
