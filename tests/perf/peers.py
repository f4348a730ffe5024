"""Model servers that a team might choose instead, each serving the plain loop; only those that are installed."""

import base64
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from registry.models.process import free_port
from registry.settings import PROJECT_ROOT, child_environment, load_settings
from tests.perf.clients import HttpPredict, KeptConnection, Reply, answered
from tests.perf.side_by_side import alternate, paired_ratio, rates

_READY_S = 120.0
_BLOCKS, _ROUNDS, _ROUND_S = 15, 2, 8.0

_LITSERVE = """
import os
import sys
from pathlib import Path
import litserve
from tests.perf.predict_loop import PredictLoop

class Api(litserve.LitAPI):
    def setup(self, device):
        self.loop = PredictLoop(Path(os.environ["PEER_NETWORK"]), threads=int(os.environ["PEER_THREADS"]))

    def decode_request(self, request):
        return request["file"].file.read()

    def predict(self, jpeg):
        return self.loop(jpeg)

    def encode_response(self, rows):
        return {"detections": rows}

if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=int(os.environ["PEER_WORKERS"]))
    server.run(port=int(sys.argv[1]), log_level="error")
"""
_BENTOML = """
import os
from pathlib import Path
import bentoml
from tests.perf.predict_loop import PredictLoop

@bentoml.service(workers=int(os.environ["PEER_WORKERS"]))
class Predict:
    def __init__(self):
        self.loop = PredictLoop(Path(os.environ["PEER_NETWORK"]), threads=int(os.environ["PEER_THREADS"]))

    @bentoml.api(route="/predict")
    def predict(self, file: Path) -> list:
        return self.loop(file.read_bytes())
"""


_MLFLOW = """
import base64
import os
from pathlib import Path
import mlflow
from tests.perf.predict_loop import PredictLoop

class Predict(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.loop = PredictLoop(Path(os.environ["PEER_NETWORK"]), threads=int(os.environ["PEER_THREADS"]))

    def predict(self, context, model_input, params=None):
        return [self.loop(base64.b64decode(each)) for each in model_input]

mlflow.models.set_model(Predict())
"""


@dataclass(frozen=True, slots=True)
class Launch:
    """One configuration of a peer to start: its network, port, threads of a session, and worker processes."""

    network: Path
    port: int
    threads: int
    workers: int

    @property
    def environment(self) -> dict[str, str]:
        """What the scripts read."""
        return {
            "PEER_NETWORK": str(self.network),
            "PEER_THREADS": str(self.threads),
            "PEER_WORKERS": str(self.workers),
            "__pyfunc_model_path__": "model",  # MLflow's own, below the folder it is started in
        }


@dataclass(frozen=True, slots=True)
class Peer:
    """A model server: its name, the Python that has it, and how it is started and asked."""

    name: str
    python: Path
    command: Callable[[Path, Path, Launch], list[str]]
    path: str
    question: Callable[[bytes], tuple[str, bytes]]

    @property
    def installed(self) -> bool:
        """Whether its Python has it."""
        code = f"from importlib.util import find_spec; raise SystemExit(find_spec({self.name!r}) is None)"
        return self.python.is_file() and subprocess.run([self.python, "-c", code], check=False).returncode == 0

    def beside(self, ours: Sequence[HttpPredict], network: Path, jpeg: bytes) -> dict[str, float]:
        """One client and all of them, in turn with ours; of each, what its better configuration gives.

        Tried with one worker of all threads and with one single-thread worker on each core.
        """
        cores = os.cpu_count() or 1
        tried = []
        for threads, workers in ((cores, 1), (1, cores)):
            with (
                tempfile.TemporaryDirectory(prefix="nexusai-peer-") as folder,
                _running(self, Path(folder), Launch(network, free_port(), threads, workers)) as port,
            ):
                theirs = [_Client(self, port, jpeg) for _ in ours]
                mine_ms, their_ms = alternate(partial(answered, ours[0]), partial(answered, theirs[0]), _BLOCKS)
                our_rate, their_rate = rates(ours, theirs, _ROUND_S, _ROUNDS)
            ratio = paired_ratio(mine_ms, their_ms)
            tried.append((ratio, statistics.median(their_ms), their_rate / our_rate, their_rate))
        our_p50_over, p50_ms = max(each[:2] for each in tried)
        rate_over_ours, a_second = max(each[2:] for each in tried)
        return {
            "p50_ms": p50_ms,
            "our_p50_over": our_p50_over,
            "a_second": a_second,
            "rate_over_ours": rate_over_ours,
        }


def _litserve(python: Path, folder: Path, launch: Launch) -> list[str]:
    script = folder / "serve_litserve.py"
    script.write_text(_LITSERVE, encoding="utf-8")
    return [str(python), str(script), str(launch.port)]


def _bentoml(python: Path, folder: Path, launch: Launch) -> list[str]:
    (folder / "serve_bentoml.py").write_text(_BENTOML, encoding="utf-8")
    served = ["serve", "serve_bentoml:Predict", "--port", str(launch.port), "--working-dir", str(folder)]
    return [str(python), "-m", "bentoml", *served]


def _mlflow(python: Path, folder: Path, launch: Launch) -> list[str]:
    import mlflow

    script, model = folder / "serve_mlflow.py", folder / "model"
    script.write_text(_MLFLOW, encoding="utf-8")
    with _environment(launch.environment):  # saving runs the script once
        mlflow.pyfunc.save_model(str(model), python_model=str(script), pip_requirements=[])
    served = ["mlflow.pyfunc.scoring_server.app:app", "--port", str(launch.port), "--workers", str(launch.workers)]
    return [str(python), "-m", "uvicorn", *served]  # what `mlflow models serve` runs


def _multipart(jpeg: bytes) -> tuple[str, bytes]:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return "multipart/form-data; boundary=b", head + jpeg + b"\r\n--b--\r\n"


def _invocation(jpeg: bytes) -> tuple[str, bytes]:
    return "application/json", json.dumps({"inputs": [base64.b64encode(jpeg).decode()]}).encode()


def installed_peers() -> list[Peer]:
    """Those that are there: MLflow is, the others once `make peers` has run; says which are missing."""
    own, peers = Path(sys.executable), PROJECT_ROOT / "build" / "peers" / "bin" / "python"
    known = [
        Peer("litserve", peers, _litserve, "/predict", _multipart),
        Peer("bentoml", peers, _bentoml, "/predict", _multipart),
        Peer("mlflow", own, _mlflow, "/invocations", _invocation),
    ]
    there = [each for each in known if each.installed]
    if missing := ", ".join(each.name for each in known if each not in there):
        print(f"predict: not set against {missing}: `make peers` installs them")
    return there


@contextmanager
def _running(peer: Peer, folder: Path, launch: Launch) -> Iterator[int]:
    environment = child_environment(load_settings(), PYTHONPATH=str(PROJECT_ROOT), **launch.environment)
    line, port = peer.command(peer.python, folder, launch), launch.port
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            line, env=environment, cwd=folder, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + _READY_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{peer.name} did not start: {log.read_text(errors='replace')[-800:]}")
            time.sleep(0.2)
        yield port
    finally:
        with suppress(psutil.NoSuchProcess):  # it may have ended by itself
            for each in psutil.Process(process.pid).children(recursive=True):  # some have sessions of their own
                each.kill()
        process.kill()
        process.wait()


class _Client:
    """Sends the picture on one connection."""

    def __init__(self, peer: Peer, port: int, jpeg: bytes) -> None:
        self._connection = KeptConnection("127.0.0.1", port)
        self._path, (self._type, self._body) = peer.path, peer.question(jpeg)

    def ask(self) -> Reply:
        """Send one request."""
        return self._connection.post(self._path, self._body, {"Content-Type": self._type})


@contextmanager
def _environment(further: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in further.items():
            patch.setenv(name, value)
        yield


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True
