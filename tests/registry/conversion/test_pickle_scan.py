"""The names a pickle asks for, as the scan reads them and as an unpickler is asked for them."""

import datetime
import io
import pickle
import subprocess
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import pytest

from registry.conversion.pickle_scan import scan_pickle
from registry.errors import InvalidModel
from registry.settings import PROJECT_ROOT
from registry.testing.hostile_files import Trap, hostile_pickles

HOSTILE = hostile_pickles(Trap(Path("/nowhere"), 9, Path("/nowhere")))
UNREADABLE = ("name made while loading", "name by number")  # what they ask for is known to nobody before
TEXT = "a text that lies on the stack"
GENUINE = {
    "texts": [TEXT, TEXT, {"os": "system", "collections": TEXT}, ("os", "system"), b"bytes"],
    "objects": [OrderedDict(a=1), defaultdict(list, b=[1]), Counter("aab"), datetime.date(2026, 1, 1)],
    "one object twice": [first := OrderedDict(x=[1.5, None, True]), first, [first]],
    "sets": [{1, 2}, frozenset({"a"}), {1 << 70}, bytearray(b"xy"), complex(1, 2)],
    "a path among texts": {"os": Path("/a"), "system": [TEXT]},
    "thousands": [{f"layer.{index}": OrderedDict(weight=index)} for index in range(3_000)],
}


class _Asked(pickle.Unpickler):
    """Loads nothing that it is asked for, and remembers what that was."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.names: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.names.add(f"{module}.{name}")
        return _Nothing

    def persistent_load(self, _pid: Any) -> None:
        return None


class _Nothing(dict[Any, Any]):
    """Takes whatever it is made and filled with."""

    def __init__(self, *_given: Any, **_more: Any) -> None: ...

    def __setstate__(self, _state: Any) -> None: ...

    def append(self, _value: Any) -> None: ...


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("what", GENUINE)
def test_the_names_are_those_an_unpickler_asks_for(what: str, protocol: int) -> None:
    data = pickle.dumps(GENUINE[what], protocol)
    asked = _Asked(data)
    asked.load()
    report = scan_pickle(data)
    assert set(report.names) == asked.names
    assert not report.alarming


@pytest.mark.parametrize("what", [name for name in HOSTILE if name not in UNREADABLE])
def test_a_hostile_pickle_hides_no_name(what: str) -> None:
    asked = _Asked(HOSTILE[what])
    asked.load()
    report = scan_pickle(HOSTILE[what])
    assert set(report.names) == asked.names
    assert report.alarming


def test_a_name_of_python_2_is_told_as_what_it_calls_today() -> None:
    data = pickle.dumps(subprocess.check_output, 2)
    assert b"commands" in data
    assert scan_pickle(data).alarming == ("subprocess.check_output",)


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_name_that_is_no_plain_text_is_alarming(what: str) -> None:
    assert scan_pickle(HOSTILE[what]).alarming == ("a name put together while loading",)


def test_a_trained_checkpoint_alarms_nobody() -> None:
    with zipfile.ZipFile(PROJECT_ROOT / "data" / "starter" / "digit-detector" / "model.pt") as archive:
        name = next(each for each in archive.namelist() if each.endswith("data.pkl"))
        report = scan_pickle(archive.read(name))
    assert report.names
    assert not report.alarming


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x80\x040.", "an item popped that is not there"),
        (b"\x80\x041.", "a mark popped that is not there"),
        (b"\x80\x04\x8c\x02os\x93.", "a name of one text"),
        (b"\x80\x04h\x05.", "a text remembered that never was"),
        (b"\x80\x04N(b.", "a mark used as a value"),
        (b"\x80\x04\x8c\xffos", "cut off"),
        (b"", "empty"),
    ],
)
def test_a_pickle_that_would_not_load_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InvalidModel, match="damaged"):
        scan_pickle(data)
