"""Live settings: what is refused, who may change what, what happens when two do."""

import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.live import Change, Live, LiveSettings, SettingsEditor
from registry.access.live.catalogue import DEFINITIONS
from registry.access.live.checking import MOST_BYTES, from_text
from registry.access.live.edits import MOST_CUSTOM
from registry.errors import (
    Conflict,
    Forbidden,
    InvalidSetting,
    NotSignedIn,
    RegistryError,
    SettingChanged,
    SettingNotFound,
)
from registry.records import AuditEntry, Database, Role, SettingValue, audit
from registry.settings import Settings, child_environment

DEADLINE_S = 2.0


def _nested(depth: int) -> object:
    return [] if depth == 1 else [_nested(depth - 1)]


@pytest.fixture
def live(database: Database, settings: Settings) -> Live:
    return Live(database, settings)


@pytest.fixture
def editor(database: Database, live: Live) -> SettingsEditor:
    return SettingsEditor(database, live)


@pytest.fixture
def local(sqlite: Database, settings: Settings) -> SettingsEditor:
    """For what does not depend on the kind of database."""
    return SettingsEditor(sqlite, Live(sqlite, settings))


@pytest.fixture
def trail(database: Database) -> Callable[[], list[AuditEntry]]:
    def read() -> list[AuditEntry]:
        with database.read() as session:
            assert audit.verify(session).holds
            found = session.exec(select(AuditEntry).order_by(AuditEntry.number)).all()  # type: ignore[arg-type]
            return [each for each in found if each.action.startswith("setting.")]

    return read


def test_a_change_is_in_force_and_told(
    editor: SettingsEditor, live: Live, admin: Actor, trail: Callable[[], list[AuditEntry]]
) -> None:
    assert live.current().limit_user == 1_200
    changed = editor.set(admin, "limit_user", 50)
    assert (changed.value, changed.default, changed.revision, changed.source) == (50, 1_200, 1, "changed")
    assert changed.updated_by == admin.name
    assert live.latest().limit_user == 50
    assert editor.get(admin, "limit_user") == changed
    [entry] = trail()
    assert (entry.action, entry.target, entry.actor_id) == ("setting.change", "setting:limit_user", admin.id)
    assert entry.details == {"before": 1_200, "after": 50}


def test_a_reset_goes_back_to_the_default_and_goes_on_counting(
    editor: SettingsEditor, live: Live, admin: Actor, trail: Callable[[], list[AuditEntry]]
) -> None:
    editor.set(admin, "notice", "Back at nine")
    reset = editor.reset(admin, "notice")
    assert (reset.value, reset.source, reset.revision) == ("", "default", 2)
    assert not live.latest().notice
    assert trail()[-1].details == {"before": "Back at nine", "after": ""}
    with pytest.raises(SettingChanged):  # who looked before the reset does not undo it unseen
        editor.set(admin, "notice", "Back at ten", revision=1)
    editor.reset(admin, "notice")
    assert len(trail()) == 2  # there was nothing to reset


def test_the_same_value_again_changes_nothing(
    editor: SettingsEditor, admin: Actor, trail: Callable[[], list[AuditEntry]]
) -> None:
    editor.set(admin, "limit_user", 50)
    assert editor.set(admin, "limit_user", 50).revision == 1
    assert len(trail()) == 1


def test_a_default_that_is_set_stays_when_the_default_changes(
    sqlite: Database, settings: Settings, admin: Actor
) -> None:
    SettingsEditor(sqlite, Live(sqlite, settings)).set(admin, "upload_max_mb", 512)
    other = settings.model_copy(update={"upload_max_mb": 100, "image_max_mb": 7})
    now = Live(sqlite, other).current()
    assert (now.upload_max_mb, now.image_max_mb) == (512, 7)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("limit_user", "50", "whole number from 10 to 1,000,000, got '50'"),  # text is no number
        ("limit_user", True, "got true"),
        ("limit_user", 50.0, "got 50.0"),
        ("limit_user", 9, "got 9"),  # below the bound
        ("limit_user", 1_000_001, "got 1000001"),  # above it
        ("limit_user", 10**400, "a number beyond all bounds"),
        pytest.param("limit_user", 10**5_000, "beyond all bounds", id="more digits than Python prints"),
        ("limit_user", math.nan, "got NaN"),
        ("limit_user", math.inf, "got Infinity"),
        ("limit_user", None, "got nothing"),
        ("limit_user", [50], "a list of 1"),
        ("limit_user", _nested(200), "a list of 1"),
        ("limits_on", 1, "true or false, got 1"),
        ("limits_on", "true", "got 'true'"),
        ("notice", 5, "one line"),
        ("notice", "x" * 301, "301 characters"),
        ("notice", "two\nlines", "control characters"),
        ("notice", "nul\0", "control characters"),
        ("notice", "half \ud800", "control characters"),  # has no UTF-8
        ("cors_origins", "https://a.example", "a list of at most 50"),
        ("cors_origins", ["*"], "not an origin"),
        ("camera_networks", ["10.1"], "not a network"),
        ("camera_networks", ["127.0.0.0/8"], "this machine itself"),
        ("camera_networks", ["169.254.0.0/16"], "link-local"),
        ("cors_origins", ["https://*.example.com"], "not an origin"),
        ("cors_origins", ["https://a.example/path"], "not an origin"),
        ("cors_origins", ["https://me@a.example"], "not an origin"),
        ("cors_origins", ["https://a.example:99999"], "not an origin"),
        ("cors_origins", ["file:///etc"], "not an origin"),
        ("cors_origins", ["https://a.example", 5], "a list of at most 50 texts"),
        ("cors_origins", ["https://a.example"] * 51, "a list of 51"),
    ],
)
def test_a_wrong_value_is_refused(local: SettingsEditor, admin: Actor, key: str, value: object, said: str) -> None:
    with pytest.raises(InvalidSetting, match=said) as refused:
        local.set(admin, key, value)
    assert [each["field"] for each in refused.value.details["fields"]] == [key]
    assert local.get(admin, key).revision == 0


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("limit_user", 10, 10),  # the bounds themselves
        ("limit_user", 1_000_000, 1_000_000),
        ("registration_open", True, True),
        ("notice", "Maintenance at 18:00 — <b>save</b> 🔧", "Maintenance at 18:00 — <b>save</b> 🔧"),
        (
            "cors_origins",
            [" HTTPS://A.example:8443/ ", "http://[::1]:3000"],
            ["https://a.example:8443", "http://[::1]:3000"],
        ),
        ("cors_origins", [], []),
    ],
)
def test_a_right_value_is_taken(editor: SettingsEditor, admin: Actor, key: str, value: object, stored: object) -> None:
    assert editor.set(admin, key, value).value == stored


@pytest.mark.parametrize("text", ["many", "5", "true", "600.0", "NaN", "1e999", "[" * 5_000])
def test_a_wrong_text_is_refused(local: SettingsEditor, admin: Actor, text: str) -> None:
    with pytest.raises(InvalidSetting, match="whole number from 10"):
        local.set(admin, "limit_user", from_text("limit_user", text))


def test_every_setting_can_be_set_to_its_default(local: SettingsEditor, admin: Actor) -> None:
    given = {each.key: Change(each.default) for each in local.list(admin)}
    assert len(local.bulk(admin, given)) == len(LiveSettings.model_fields)


def test_several_change_together_or_not_at_all(
    editor: SettingsEditor, admin: Actor, trail: Callable[[], list[AuditEntry]]
) -> None:
    wrong = {"limit_user": Change(50), "limit_key": Change("60"), "jpeg_quality": Change(101), "no.such": Change(1)}
    with pytest.raises(InvalidSetting) as refused:
        editor.bulk(admin, wrong)
    assert {each["field"] for each in refused.value.details["fields"]} == {"limit_key", "jpeg_quality", "no.such"}
    assert editor.get(admin, "limit_user").revision == 0
    assert trail() == []
    editor.bulk(admin, {"limit_user": Change(50), "limit_key": Change(60)})
    assert [each.target for each in trail()] == ["setting:limit_user", "setting:limit_key"]


def test_a_stale_revision_among_several_stops_them_all(editor: SettingsEditor, admin: Actor) -> None:
    editor.set(admin, "limit_key", 60)
    with pytest.raises(SettingChanged) as refused:
        editor.bulk(admin, {"limit_user": Change(50, 0), "limit_key": Change(70, 0)})
    now = {"value": 60, "revision": 1, "updated_by": admin.name}
    assert refused.value.details == {"value": 60, "revision": 1, "settings": {"limit_key": now}}
    assert editor.get(admin, "limit_user").revision == 0
    assert editor.set(admin, "limit_key", 70, revision=1).revision == 2


def test_of_two_edits_at_once_one_is_told(editor: SettingsEditor, admin: Actor) -> None:
    start = threading.Barrier(8)

    def edit(value: int) -> str:
        start.wait()
        try:
            return f"{editor.set(admin, 'limit_user', value, revision=0).value}"
        except SettingChanged as refused:
            return f"there is {refused.details['value']}"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(edit, range(100, 108)))
    kept = editor.get(admin, "limit_user")
    assert kept.revision == 1
    assert outcomes == sorted([f"{kept.value}", *[f"there is {kept.value}"] * 7])


def test_edits_without_a_revision_are_made_one_after_the_other(
    editor: SettingsEditor, admin: Actor, trail: Callable[[], list[AuditEntry]]
) -> None:
    start = threading.Barrier(8)

    def edit(value: int) -> None:
        start.wait()
        editor.set(admin, "limit_user", value)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(edit, range(100, 108)))
    assert editor.get(admin, "limit_user").revision == 8
    steps = [each.details for each in trail()]
    assert [each["before"] for each in steps] == [1_200, *[each["after"] for each in steps[:-1]]]


@pytest.mark.parametrize(
    ("role", "reads", "tunes", "administers"),
    [
        (Role.ADMIN, True, True, True),
        (Role.ENGINEER, True, True, False),
        (Role.OPERATOR, True, False, False),
        (Role.USER, False, False, False),
    ],
)
def test_roles(local: SettingsEditor, admin: Actor, role: Role, reads: bool, tunes: bool, administers: bool) -> None:
    who = Actor("b" * 32, "bob", role)
    local.create(admin, "site", "north")

    def may(act: Callable[[], object]) -> bool:
        try:
            act()
        except Forbidden:
            return False
        return True

    assert may(lambda: local.list(who)) is reads
    assert may(lambda: local.categories(who)) is reads
    assert may(lambda: local.get(who, "limit_user")) is reads
    assert may(lambda: local.set(who, "jpeg_quality", 80)) is tunes
    assert may(lambda: local.reset(who, "jpeg_quality")) is tunes
    assert may(lambda: local.set(who, "limit_user", 50)) is administers
    assert may(lambda: local.bulk(who, {"jpeg_quality": Change(70), "limit_user": Change(50)})) is administers
    assert may(lambda: local.reset(who, "limit_user")) is administers
    assert may(lambda: local.set(who, "site", "south")) is administers
    assert may(lambda: local.create(who, "mine", 1)) is administers
    assert may(lambda: local.delete(who, "site")) is administers
    assert may(lambda: local.history(who, "limits")) is administers


def test_nobody_reads_nothing(local: SettingsEditor) -> None:
    from registry.access.actor import ANONYMOUS

    with pytest.raises(NotSignedIn):
        local.list(ANONYMOUS)


def test_a_custom_setting_lives_and_goes(
    editor: SettingsEditor, admin: Actor, trail: Callable[[], list[AuditEntry]]
) -> None:
    made = editor.create(admin, "line-3.threshold", {"width": [1, 2.5, None], "on": True}, "Line 3", "for the notebook")
    assert (made.custom, made.revision, made.definition.category, made.definition.title) == (
        True,
        1,
        "custom",
        "Line 3",
    )
    assert editor.get(admin, "line-3.threshold") == made
    with pytest.raises(Conflict, match="already"):
        editor.create(admin, "line-3.threshold", 1)
    changed = editor.set(admin, "line-3.threshold", 5, revision=1)
    assert (changed.value, changed.revision, changed.definition.title) == (5, 2, "Line 3")
    with pytest.raises(SettingChanged):
        editor.set(admin, "line-3.threshold", 6, revision=1)
    with pytest.raises(Conflict, match="no default"):
        editor.reset(admin, "line-3.threshold")
    assert [each.action for each in editor.history(admin, "custom")] == ["setting.change", "setting.create"]
    editor.delete(admin, "line-3.threshold")
    with pytest.raises(SettingNotFound):
        editor.get(admin, "line-3.threshold")
    assert [each.action for each in trail()] == ["setting.create", "setting.change", "setting.delete"]
    assert trail()[-1].details == {"before": 5, "after": None}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "Upper",
        "1st",
        "-dash",
        "with space",
        "a" * 65,
        "new\nline",
        "line\n",
        "a/b",
        "ä",
        "limit_user",
        "categories",
    ],
)
def test_a_wrong_key_is_refused(local: SettingsEditor, admin: Actor, key: str) -> None:
    with pytest.raises(InvalidSetting):
        local.create(admin, key, 1)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null"),
        (math.nan, "NaN"),
        ({"a": [math.inf]}, "NaN and infinity"),
        (2**53 + 1, "whole number"),
        (-(10**400), "whole number"),
        pytest.param(10**5_000, "whole number", id="more digits than Python prints"),
        (_nested(9), "nested"),
        (_nested(900), "nested"),
        ("x" * MOST_BYTES, "bytes"),
        (list(range(5_000)), "bytes"),
        ("nul\0", "stored"),
        ({"half \ud800": 1}, "stored"),
        ({1: 2}, "names in an object"),
        ({"x"}, "a set is not JSON"),
    ],
)
def test_a_wrong_custom_value_is_refused(local: SettingsEditor, admin: Actor, value: object, said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        local.create(admin, "mine", value)
    local.create(admin, "mine", 1)
    with pytest.raises(InvalidSetting, match=said):
        local.set(admin, "mine", value)


@pytest.mark.parametrize("words", [("x" * 121, ""), ("", "x" * 501), ("two\nlines", ""), ("", "nul\0")])
def test_wrong_words_about_a_custom_setting_are_refused(
    local: SettingsEditor, admin: Actor, words: tuple[str, str]
) -> None:
    with pytest.raises(InvalidSetting, match="one line"):
        local.create(admin, "mine", 1, *words)


def test_custom_settings_are_bounded_in_number(local: SettingsEditor, sqlite: Database, admin: Actor) -> None:
    with sqlite.write() as session:
        session.add_all([SettingValue(key=f"k{n}", value=n, custom=True) for n in range(MOST_CUSTOM)])
    with pytest.raises(Conflict, match=str(MOST_CUSTOM)):
        local.create(admin, "one-more", 1)


@pytest.mark.parametrize("act", ["set", "reset", "delete", "get"])
def test_an_unknown_setting_is_not_found(local: SettingsEditor, admin: Actor, act: str) -> None:
    more = (1,) if act == "set" else ()
    with pytest.raises(SettingNotFound, match=r"no\.such"):
        getattr(local, act)(admin, "no.such", *more)


def test_a_setting_of_the_platform_is_reset_not_deleted(local: SettingsEditor, admin: Actor) -> None:
    with pytest.raises(Conflict) as refused:
        local.delete(admin, "limit_user")
    assert "Reset" in refused.value.hint


def test_categories_count_what_is_changed(local: SettingsEditor, admin: Actor) -> None:
    local.set(admin, "limit_user", 50)
    local.create(admin, "mine", 1)
    found = {each.name: each for each in local.categories(admin)}
    assert (found["limits"].changed, found["sessions"].changed, found["custom"].settings) == (1, 0, 1)
    assert sum(each.settings for each in found.values()) == len(DEFINITIONS) + 1


def test_the_list_is_narrowed_by_category_and_words(local: SettingsEditor, admin: Actor) -> None:
    assert {each.definition.category for each in local.list(admin, category="limits")} == {"limits"}
    assert [each.key for each in local.list(admin, search="JPEG")] == ["jpeg_quality"]
    with pytest.raises(SettingNotFound):
        local.list(admin, category="no-such")


def test_history_tells_the_changes_of_one_category(editor: SettingsEditor, admin: Actor) -> None:
    editor.set(admin, "limit_user", 50)
    editor.set(admin, "notice", "hello")
    editor.reset(admin, "limit_user")
    assert [each.action for each in editor.history(admin, "limits")] == ["setting.reset", "setting.change"]


def test_what_another_release_stored_and_this_one_refuses_is_ignored(
    local: SettingsEditor, sqlite: Database, settings: Settings, admin: Actor
) -> None:
    with sqlite.write() as session:
        session.add(SettingValue(key="jpeg_quality", value=1_000))
        session.add(SettingValue(key="limit_user", value=50))
        session.add(SettingValue(key="gone", value=1))
    now = Live(sqlite, settings).current()
    assert (now.jpeg_quality, now.limit_user) == (90, 50)
    assert local.get(admin, "jpeg_quality").source == "default"
    assert local.set(admin, "jpeg_quality", 80, revision=1).value == 80
    assert local.create(admin, "gone", 2).custom  # its key is free again


def test_another_process_sees_a_change_within_two_seconds(
    database: Database, editor: SettingsEditor, admin: Actor, settings: Settings
) -> None:
    code = (
        "import sys; from registry.access.live import Live; from registry.records import open_database; "
        "from registry.settings import load_settings; "
        "live = Live(open_database(sys.argv[1]), load_settings()); "
        "[print(live.current().limit_user, flush=True) for _ in sys.stdin]"
    )
    url = database.engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", code, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(settings),
        text=True,
        bufsize=1,
    ) as other:
        assert other.stdin
        assert other.stdout

        def ask() -> int:
            other.stdin.write("?\n")  # type: ignore[union-attr]
            return int(other.stdout.readline())  # type: ignore[union-attr]

        assert ask() == 1_200
        editor.set(admin, "limit_user", 50)
        deadline = time.monotonic() + DEADLINE_S
        while (seen := ask()) != 50 and time.monotonic() < deadline:
            pass
        other.stdin.close()
    assert seen == 50


def test_values_stay_while_the_database_is_away(sqlite: Database, settings: Settings, admin: Actor) -> None:
    live = Live(sqlite, settings)
    SettingsEditor(sqlite, live).set(admin, "limit_user", 50)
    sqlite.close()
    records = settings.home / "nexusai.db"
    records.rename(records.with_suffix(".away"))
    records.mkdir()  # a database that cannot be opened
    live.refresh()
    assert live.current().limit_user == 50
    records.rmdir()
    records.with_suffix(".away").rename(records)
    SettingsEditor(sqlite, Live(sqlite, settings)).set(admin, "limit_user", 60)
    live.refresh()
    assert live.latest().limit_user == 60


def test_every_refusal_is_one_of_ours(local: SettingsEditor, admin: Actor) -> None:
    for value in (b"bytes", {"x"}, object(), 1j, float("1e400"), [[float("nan")]]):
        for key in DEFINITIONS:
            with pytest.raises(RegistryError):
                local.set(admin, key, value)
