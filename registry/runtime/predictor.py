"""One ONNX graph with its card: images in, predictions out."""

from functools import partial
from time import perf_counter

from registry.runtime.adaptive_session import AdaptiveSession, Host
from registry.runtime.answers import AnswerReader
from registry.runtime.card import WITH_BOXES, ModelCard, Thresholds
from registry.runtime.contract import check_contract
from registry.runtime.graph_session import GraphSession
from registry.runtime.host_choice import HostChoice
from registry.runtime.onnx_session import OnnxSession
from registry.runtime.preprocess import preprocess
from registry.runtime.proven_file import ProvenFile
from registry.runtime.raw_answer import RawAnswer
from registry.runtime.run_deadline import RUN_SECONDS
from registry.runtime.vision_model import VisionModel
from registry.vision.images import ImageBgr, check_image


class Predictor(VisionModel):
    """A model of one graph in one ONNX Runtime session of `threads` threads and at most `run_seconds` a run, or as the
    `host` decides: by the `choice` for this model, else by its default.

    It detects, segments, finds poses, classifies or embeds, as the card says. Construction parses, checks and builds
    the graph; no bytes of `model` are kept afterwards.

    Raises:
        InvalidModel: the graph is refused, cannot be built, or does not take the card's input.
        UnsupportedOutputs: its outputs do not fit the card's decoder and labels.
        InvalidCard: the card's decoder does not answer the card's task.
        BackendUnavailable: what the choice names does not start here.
    """

    def __init__(
        self,
        model: bytes | ProvenFile,
        card: ModelCard,
        threads: int = 1,
        host: Host | None = None,
        choice: HostChoice | None = None,
        run_seconds: float = RUN_SECONDS,
    ) -> None:
        self.card = card
        self._enlarge = host is None or host.enlarge
        self._session: GraphSession
        if host is None:
            model_bytes = model if isinstance(model, bytes) else model.read()
            self._session = OnnxSession(model_bytes, threads, run_seconds=run_seconds)
        else:
            self._session = AdaptiveSession(model, host, choice)
        self.providers = self._session.providers
        check_contract(self._session, card)
        self._reader = AnswerReader(card)

    @property
    def defaults(self) -> Thresholds:
        """The card's; for a classifier its five best classes."""
        return self._reader.defaults

    def run(self, image_bgr: ImageBgr, least_confidence: float = 0.0) -> RawAnswer:
        """See `VisionModel.run`."""
        check_image(image_bgr)
        started = perf_counter()
        tensor, placement = preprocess(image_bgr, self.card.input, enlarge=self._enlarge)
        fitted = perf_counter()
        outputs = self._session.run(tensor)
        ended = perf_counter()
        least = min(least_confidence, self.defaults.confidence) if self.card.task in WITH_BOXES else 0.0
        if least:
            outputs = self._reader.above(outputs, least)
        return RawAnswer(
            partial(self._reader.read, outputs, placement),
            self.defaults,
            (fitted - started) * 1e3,
            (ended - fitted) * 1e3,
            least,
        )
