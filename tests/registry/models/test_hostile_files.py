"""Files that try to break in: each is refused with a reason, and nothing of it runs or is read."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.access import Actor
from registry.errors import InvalidModel, RegistryError, StorageUnavailable, TooManyRequests, UploadTooLarge
from registry.models import uploads
from registry.models.intake import Wanted, take_in
from registry.models.journey import FAILED, Journey
from registry.models.quarantine import Quarantine
from registry.models.registry import ModelRegistry
from registry.models.uploads import Uploads
from registry.records import Database
from registry.testing import hostile_files
from registry.testing.hostile_files import Trap
from registry.testing.requirements import require_package

SECRET = "the secret that must stay where it is"
_ANY = Trap(Path("/nowhere"), 9, Path("/nowhere"))


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    """A canary, a secret and a port; afterwards nobody has touched, called or told them."""
    (tmp_path / "secret").write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        yield Trap(tmp_path / "canary", server.getsockname()[1], tmp_path / "secret")
        with pytest.raises(TimeoutError):
            server.accept()
    assert not (tmp_path / "canary").exists()


@pytest.fixture
def refuse(models: ModelRegistry, engineer: Actor, unique: str) -> Callable[[bytes], InvalidModel]:
    """Take a file in that must be refused: nothing is registered, nothing stays in quarantine, no secret is told."""

    def taken(data: bytes) -> InvalidModel:
        journey, root = Journey(), Quarantine(models.settings, models.live).root
        before = set(root.glob("*"))  # records of other tests' uploads
        with pytest.raises(InvalidModel) as caught:
            take_in(models, engineer, data, unique, journey=journey)
        told = json.dumps([caught.value.to_dict(), [step.to_dict() for step in journey.steps]])
        assert SECRET not in told
        assert any(step.state == FAILED for step in journey.steps)
        assert models.list(engineer, search=unique) == ([], 0)
        assert set(root.glob("*")) == before
        return caught.value

    return taken


@pytest.mark.parametrize(
    "what", ["os.system", *(name for name in hostile_files.hostile_pickles(_ANY) if "a name " in name)]
)
def test_the_corpus_is_hostile(what: str, trap: Trap, tmp_path: Path) -> None:
    """Loaded the plain way, a file of it does what it says: here, with a canary of its own."""
    own = Trap(tmp_path / "proof", 9, tmp_path / "secret")
    (tmp_path / "file").write_bytes(hostile_files.hostile_pickles(own)[what])
    subprocess.run([sys.executable, "-c", f"import pickle; pickle.load(open({str(tmp_path / 'file')!r}, 'rb'))"])
    assert own.canary.exists()


@pytest.mark.parametrize("what", hostile_files.hostile_pickles(_ANY))
def test_a_hostile_pickle_in_a_checkpoint_is_refused(
    what: str, trap: Trap, refuse: Callable[[bytes], InvalidModel]
) -> None:
    error = refuse(hostile_files.torch_archive(hostile_files.hostile_pickles(trap)[what]))
    assert "would call" in error.message


@pytest.mark.parametrize("place", ["constants.pkl", "extra/deep.pkl"])
def test_a_hostile_pickle_anywhere_in_an_archive_is_refused(
    place: str, trap: Trap, refuse: Callable[[bytes], InvalidModel]
) -> None:
    hostile = hostile_files.hostile_pickles(trap)["os.system"]
    assert "os.system" in refuse(hostile_files.torch_archive(b"\x80\x02}.", {place: hostile})).message


def test_a_bare_pickle_is_refused_whatever_it_holds(trap: Trap, refuse: Callable[[bytes], InvalidModel]) -> None:
    for data in hostile_files.hostile_pickles(trap).values():
        assert "bare pickle" in refuse(data).message
    assert "protocol 0" in refuse(b"cos\nsystem\n(S'true'\ntR.").message


def test_a_checkpoint_older_than_archives_is_refused_whatever_it_holds(
    trap: Trap, refuse: Callable[[bytes], InvalidModel], tmp_path: Path
) -> None:
    require_package("torch", "train")
    import torch

    own = Trap(tmp_path / "proof", 9, tmp_path / "secret")
    (tmp_path / "old.pt").write_bytes(hostile_files.hostile_legacy_checkpoint(own))
    load = f"import torch; torch.load({str(tmp_path / 'old.pt')!r}, weights_only=False)"
    subprocess.run([sys.executable, "-c", load], check=True)
    assert own.canary.exists()  # loaded the plain way, it does what it says
    genuine = hostile_files.legacy_checkpoint(torch.nn.Linear(2, 2).state_dict())
    for data in (hostile_files.hostile_legacy_checkpoint(trap), genuine):
        error = refuse(data)
        assert "bare pickle" in error.message
        assert "TorchScript" in error.hint


def test_a_checkpoint_that_gets_past_the_scan_is_stopped_by_the_loader(
    trap: Trap, refuse: Callable[[bytes], InvalidModel]
) -> None:
    require_package("ultralytics", "train")
    assert "outside the supported" in refuse(hostile_files.past_the_scan(trap)).message


@pytest.mark.parametrize("depth", [0, 1, 5, 60])
def test_a_lambda_layer_is_refused_at_any_depth(depth: int, refuse: Callable[[bytes], InvalidModel]) -> None:
    config = hostile_files.lambda_config(depth)
    assert "Lambda" in refuse(hostile_files.keras_archive(config)).message
    assert "Lambda" in refuse(hostile_files.keras_hdf5(config)).message


def test_a_keras_class_that_is_not_keras_own_is_refused(refuse: Callable[[bytes], InvalidModel]) -> None:
    config = {"class_name": "function", "module": "builtins", "config": "exec", "registered_name": "function"}
    assert "builtins" in refuse(hostile_files.keras_archive({"layers": [{"activation": config}]})).message


@pytest.mark.parametrize("operator", ["ReadFile", "PyFunc"])
def test_a_graph_operator_that_reaches_outside_is_refused(
    operator: str, refuse: Callable[[bytes], InvalidModel]
) -> None:
    assert operator in refuse(hostile_files.tensorflow_graph(operator)).message
    saved = hostile_files.saved_model(operator, in_function=True)
    assert operator in refuse(hostile_files.archive({"net/saved_model.pb": saved})).message


@pytest.mark.parametrize("second", ["zz/saved_model.pb", "net/deep/saved_model.pb", "net/saved_model.pbtxt"])
def test_a_saved_model_of_several_graphs_is_refused(second: str, refuse: Callable[[bytes], InvalidModel]) -> None:
    graphs = {"net/saved_model.pb": hostile_files.saved_model("Conv2D"), second: hostile_files.saved_model("ReadFile")}
    assert "2 files of a SavedModel's graph" in refuse(hostile_files.archive(graphs)).message


@pytest.mark.parametrize("what", hostile_files.hostile_archives())
def test_an_archive_that_lies_climbs_or_bursts_is_refused(
    what: str, trap: Trap, refuse: Callable[[bytes], InvalidModel]
) -> None:
    assert "archive" in (error := refuse(hostile_files.hostile_archives()[what])).message or "unpacks" in error.message


@pytest.mark.parametrize("what", hostile_files.hostile_graphs(_ANY))
def test_an_onnx_file_that_reaches_out_is_refused(
    what: str, trap: Trap, refuse: Callable[[bytes], InvalidModel]
) -> None:
    refuse(hostile_files.hostile_graphs(trap)[what])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "no format"),
        (b"#!/bin/sh\ntouch /tmp/canary\n", "no format"),
        (b"path: .\ndownload: |\n  import os; os.system('true')\nnames: {0: a}\n", "no format"),  # a dataset's YAML
        (b"nc: 1\nactivation: __import__('os').system('true')\nbackbone: []\n", "no format"),  # a model's YAML
        (b"ftrt" + bytes(100), "TensorRT engine"),
        (b"\x20\0\0\0" + b'{"task": "detect"}' + bytes(64), "TensorRT engine"),  # as Ultralytics writes them
        (b"\x40\0\0\0\0\0\0\0" + b'{"w": {}}' + bytes(64), "safetensors"),
        (b"\x1f\x8b\x08" + bytes(64), "gzip"),
        (bytes(4) + b"ORTM" + bytes(64), ".ort"),
    ],
)
def test_what_is_no_model_is_told_what_it_is(data: bytes, said: str, refuse: Callable[[bytes], InvalidModel]) -> None:
    error = refuse(data)
    assert said in error.message
    assert error.hint


def test_a_tensorrt_engine_is_told_the_way_in(refuse: Callable[[bytes], InvalidModel]) -> None:
    assert "ONNX" in refuse(b"ftrt" + bytes(100)).hint


def test_weights_without_a_network_are_told_the_way_in(refuse: Callable[[bytes], InvalidModel]) -> None:
    weights = b"\x80\x02ccollections\nOrderedDict\n)R."
    error = refuse(hostile_files.torch_archive(weights))
    assert "without their network" in error.message
    assert "TorchScript" in error.hint


def test_an_upload_cut_half_way_leaves_nothing(models: ModelRegistry, sqlite: Database, engineer: Actor) -> None:
    def cut() -> Iterator[bytes]:
        yield bytes(1_000)
        raise ConnectionResetError("the sender went away")

    with pytest.raises(RegistryError):
        Uploads(models, sqlite).start(engineer, cut(), Wanted("cut"))
    assert not list(Quarantine(models.settings, models.live).root.glob("*/model"))


def test_an_upload_above_the_cap_leaves_nothing(models: ModelRegistry, sqlite: Database, engineer: Actor) -> None:
    endless = iter(lambda: bytes(8 << 20), b"")
    with pytest.raises(UploadTooLarge):
        Uploads(models, sqlite).start(engineer, endless, Wanted("endless"))
    assert not list(Quarantine(models.settings, models.live).root.glob("*/model"))


def test_a_full_disk_is_told(
    models: ModelRegistry, sqlite: Database, engineer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.models.quarantine.RESERVE_BYTES", 1 << 60)
    with pytest.raises(StorageUnavailable, match="full"):
        Uploads(models, sqlite).start(engineer, [b"x"], Wanted("full"))
    assert not list(Quarantine(models.settings, models.live).root.glob("*/model"))


def test_too_many_uploads_at_once_are_turned_away(
    models: ModelRegistry, sqlite: Database, engineer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "WAITING_MOST", 0)
    with pytest.raises(TooManyRequests) as caught:
        Uploads(models, sqlite).start(engineer, [b"x"], Wanted("many"))
    assert caught.value.details["retry_after_s"] > 0
