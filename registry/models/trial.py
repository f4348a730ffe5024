"""The trial run of a model on its way in: once, in a child process with bounded memory, time and files."""

import json
import resource
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from registry.errors import InvalidModel, RegistryError
from registry.runtime.card import ModelCard
from registry.runtime.loading import MODEL_FILE, load

SECONDS = 60
_BASE_BYTES = 3 << 30  # address space: interpreter, ONNX Runtime and about 2 GiB for the run
_PER_BYTE = 4  # of the model's size: the file, its parsed form, the session's weights and their copies
_CARD = "card.json"


def try_out(data: bytes, card: ModelCard, seconds: float = SECONDS) -> None:
    """Load the model and run it on a grey image, in a child that is ended when it takes too much.

    Raises InvalidModel, UnsupportedOutputs, InvalidCard with what the child found, or which bound it broke.
    """
    with tempfile.TemporaryDirectory(prefix="nexusai-trial-") as folder:
        Path(folder, MODEL_FILE).write_bytes(data)
        Path(folder, _CARD).write_text(card.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-I", "-m", "registry.models.trial", folder]
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                command, cwd=folder, env={}, capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise InvalidModel(f"the trial run of the model took longer than {seconds:g} s") from error
    if done.returncode:
        raise _refusal(done.stdout, done.returncode)


def _refusal(said: bytes, status: int) -> RegistryError:
    with suppress(ValueError, KeyError, TypeError):
        error = json.loads(said)["error"]
        kind = next((each for each in _kinds(InvalidModel) if each.code == error["code"]), InvalidModel)
        return kind(str(error["message"]), hint=str(error["hint"]))
    return InvalidModel(
        f"the trial run of the model ended with status {status}: it wants more memory or time than a trial has",
        hint="Export it with a smaller or fixed input size.",
    )


def _kinds(root: type[InvalidModel]) -> list[type[InvalidModel]]:
    return [root, *(each for child in root.__subclasses__() for each in _kinds(child))]


def _run(folder: Path) -> int:
    """In the child: bound ourselves, then load and run."""
    data, card = (folder / MODEL_FILE).read_bytes(), ModelCard.parse((folder / _CARD).read_bytes())
    most = _BASE_BYTES + _PER_BYTE * len(data)
    for kind, bound in (
        (resource.RLIMIT_AS, most),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (bound, bound))
    try:
        load({MODEL_FILE: data}, card).warm_up()
    except RegistryError as error:
        sys.stdout.write(json.dumps(error.to_dict()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_run(Path(sys.argv[1])))
