"""Where a camera is and what is sealed: a password stays with the camera and the address it was given for."""

import pytest
from pydantic import SecretStr

from registry.access import Actor
from registry.access.actor import local_actor
from registry.access.live import Live, LiveSettings, SettingsEditor
from registry.cameras.address import Kept, Typed, address_of
from registry.cameras.asked import CameraChange, NewCamera
from registry.cameras.cameras import Cameras
from registry.cameras.policy import own_ports, services, source_policy
from registry.cameras.sealing import Seals, Secrets, origin_of, shown_url, stored_url
from registry.cameras.watching import source_of
from registry.errors import AddressRefused, InvalidInput, InvalidSetting, SecretsUnreadable
from registry.records import CameraRecord, Database
from registry.settings import Settings, load_settings
from registry.streams import AllowedNetworks, Credentials, SourcePolicy, parse_source
from registry.streams.addresses import resolve

POLICY = SourcePolicy(AllowedNetworks())
BEFORE = "rtsp://10.0.0.7:554/live"
KEPT = Kept(BEFORE, Secrets(Credentials("bob", "hunter2")))
HIDDEN = Kept("http://10.0.0.7:80/video?password=***&channel=1", Secrets(None, "/video?password=top&channel=1"))


def _typed(url: str | None, username: str | None = None, password: str | None = None) -> Typed:
    return Typed(url, username, None if password is None else SecretStr(password))


@pytest.mark.parametrize(
    ("typed", "username", "password"),
    [
        (_typed(None), "bob", "hunter2"),
        (_typed(BEFORE), "bob", "hunter2"),
        (_typed("rtsp://10.0.0.7/other"), "bob", "hunter2"),  # another path of the same camera
        (_typed(None, password="new"), "bob", "new"),
        (_typed(None, "eve"), "eve", "hunter2"),
        (_typed("rtsp://eve:new@10.0.0.7/live"), "eve", "new"),
        (_typed("rtsp://10.0.0.8/live", "eve", "new"), "eve", "new"),
        (_typed("rtsp://eve:new@10.0.0.8/live"), "eve", "new"),
    ],
)
def test_credentials_after_a_change(typed: Typed, username: str, password: str) -> None:
    assert address_of(typed, POLICY, verify_tls=True, before=KEPT).secrets.credentials == Credentials(
        username, password
    )


@pytest.mark.parametrize(
    "typed",
    [
        _typed("rtsp://10.0.0.8/live"),  # another host
        _typed("rtsp://10.0.0.7:8554/live"),  # another port: often another device behind it
        _typed("http://10.0.0.7:554/live"),  # another protocol
        _typed("rtsp://camera.lan/live"),
        _typed("rtsp://10.0.0.8/live", "bob"),  # the name alone is not the password
        _typed("rtsp://10.0.0.8/live", password="new"),
    ],
)
def test_another_address_wants_the_password_again(typed: Typed) -> None:
    with pytest.raises(InvalidInput, match="again"):
        address_of(typed, POLICY, verify_tls=True, before=KEPT)


def test_empty_ones_take_the_credentials_away() -> None:
    for url in (None, "rtsp://10.0.0.8/live"):
        assert address_of(_typed(url, "", ""), POLICY, verify_tls=True, before=KEPT).secrets.is_empty


def test_a_secret_in_the_path_is_sealed_and_shown_as_stars() -> None:
    made = address_of(_typed("http://10.0.0.7/video?password=top&channel=1"), POLICY, verify_tls=True)
    assert (made.url, made.secrets) == (HIDDEN.url, HIDDEN.secrets)
    again = address_of(_typed(made.url), POLICY, verify_tls=True, before=HIDDEN)
    assert again.source.target == "/video?password=top&channel=1"
    with pytest.raises(InvalidInput, match=r"\*\*\*"):
        address_of(_typed("http://10.0.0.7/video?password=***&channel=2"), POLICY, verify_tls=True, before=HIDDEN)
    with pytest.raises(InvalidInput, match=r"\*\*\*"):
        address_of(_typed(HIDDEN.url), POLICY, verify_tls=True)
    with pytest.raises(InvalidInput, match="takes no name"):
        address_of(_typed("device:/dev/video0", "bob", "x"), SourcePolicy(devices=True), verify_tls=True)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (_typed("rtsp://eve:new@10.0.0.7/live", "bob", "hunter2"), "name"),
        (_typed("rtsp://eve:new@10.0.0.8/live", "bob"), "name"),
        (_typed("rtsp://eve:new@10.0.0.8/live", password="hunter2"), "password"),
    ],
)
def test_what_is_in_the_url_is_not_given_apart_too(typed: Typed, said: str) -> None:
    with pytest.raises(InvalidInput, match=f"another {said} is given apart"):
        address_of(typed, POLICY, verify_tls=True, before=KEPT)
    halves = address_of(_typed("rtsp://eve@10.0.0.8/live", password="new"), POLICY, verify_tls=True)
    assert halves.secrets.credentials == Credentials("eve", "new")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://10.0.0.5/videostream.cgi?loginuse=bob&loginpas=hunter2", "/videostream.cgi?loginuse=***&loginpas=***"),
        ("rtsps://10.0.0.7:7441/hU7nTer2Qz81kPx0?enableSrtp", "/***?enableSrtp"),
    ],
)
def test_a_camera_stored_by_an_older_release_goes_on_and_shows_no_secret(
    settings: Settings, url: str, shown: str
) -> None:
    seals = Seals(settings)
    target = url[len("http://10.0.0.5") :] if url.startswith("http:") else url[len("rtsps://10.0.0.7:7441") :]
    record = CameraRecord(name="n", url=parse_source(url, POLICY).url, owner_id="o", owner_name="o")  # as it was then
    assert source_of(record, seals, POLICY).target == target
    seen = shown_url(record.url)
    assert seen.endswith(shown)
    made = address_of(_typed(seen), POLICY, verify_tls=True, before=Kept(record.url, seals.open_record(record)))
    assert (made.source.target, made.secrets.target, made.url) == (target, target, seen)
    record.url, record.sealed = made.url, seals.seal(record.id, made.origin, made.secrets)
    assert source_of(record, seals, POLICY).target == target


def test_what_is_sealed_opens_for_that_camera_at_that_address_with_that_key_only(settings: Settings) -> None:
    seals, origin, kept = Seals(settings), origin_of(BEFORE), Secrets(Credentials("bob", "hunter2"), "/secret")
    sealed = seals.seal("one", origin, kept)
    assert "hunter2" not in sealed
    assert sealed != seals.seal("one", origin, kept)
    assert Seals(settings).open("one", origin, sealed) == kept
    other = load_settings(home=settings.home.parent / "other")
    other.prepare_home()
    for opener, camera_id, where in (
        (seals, "two", origin),
        (seals, "one", "rtsp://10.0.0.8:554"),
        (seals, "one", "rtsp://10.0.0.7:8554"),
        (Seals(other), "one", origin),
    ):
        with pytest.raises(SecretsUnreadable):
            opener.open(camera_id, where, sealed)
    for broken in (sealed[:-4], "AAAA", "not base64!", sealed[4:]):
        with pytest.raises(SecretsUnreadable):
            seals.open("one", origin, broken)
    assert seals.seal("one", origin, Secrets()) == ""
    assert seals.open("one", origin, "") == Secrets()
    assert (settings.secrets_dir / "cameras.key").stat().st_mode & 0o077 == 0


def test_hosts_share_a_key_by_the_setting(settings: Settings) -> None:
    shared = {"camera_key": "k" * 40}
    one, two = (load_settings(home=settings.home.parent / name, **shared) for name in ("a", "b"))
    sealed = Seals(one).seal("one", "rtsp://h:1", Secrets(Credentials("u", "p")))
    assert Seals(two).open("one", "rtsp://h:1", sealed).credentials == Credentials("u", "p")
    with pytest.raises(InvalidSetting, match="32") as refused:
        Seals(load_settings(home=settings.home, camera_key="tooshort"))
    assert "tooshort" not in f"{refused.value} {refused.value.details}"


def test_a_row_that_somebody_moved_to_another_host_opens_nothing(settings: Settings) -> None:
    """Whoever can write the table still cannot have a password sent elsewhere."""
    seals = Seals(settings)
    made = address_of(_typed(BEFORE, "bob", "hunter2"), POLICY, verify_tls=True)
    record = CameraRecord(name="n", url=made.url, owner_id="o", owner_name="o")
    record.sealed = seals.seal(record.id, made.origin, made.secrets)
    assert source_of(record, seals, POLICY).credentials == Credentials("bob", "hunter2")
    record.url = "rtsp://10.6.6.6:554/live"
    with pytest.raises(SecretsUnreadable):
        source_of(record, seals, POLICY)


def test_a_film_is_stored_so_that_it_is_found_again(settings: Settings) -> None:
    settings.films_dir.mkdir()
    (settings.films_dir / "ä %41.mp4").write_bytes(b"x")
    policy = source_policy(settings, LiveSettings())
    source = parse_source(f"file://{settings.films_dir}/%C3%A4%20%2541.mp4", policy)
    assert parse_source(stored_url(source), policy) == source


def test_our_own_ports_are_no_cameras(settings: Settings) -> None:
    told = load_settings(
        home=settings.home,
        port=9_001,
        worker_port=9_002,
        database_url="postgresql+psycopg://u:p@db/x",
        redis_url="redis://127.0.0.1:6380/0",
        storage_endpoint="http://127.0.0.1:9000",
    )
    assert own_ports(told) == {9_001, 9_002, 5432, 6380, 9000}
    assert services(told) == {("db", 5432), ("127.0.0.1", 6380), ("127.0.0.1", 9000)}
    assert source_policy(told, LiveSettings(camera_networks=["10.1.0.0/16"])).networks.own_ports == own_ports(told)


def test_a_service_on_another_host_is_no_camera(settings: Settings) -> None:
    told = load_settings(
        home=settings.home,
        database_url="postgresql+psycopg://u:p@db.lan/x",
        redis_url="rediss://:p@10.1.0.4",
        storage_endpoint="https://10.1.0.5:9000",
        mlflow_tracking_uri="http://[fd00::7]:5000",
        prefect_api_url="http://prefect.lan:4200/api",
        task_runner="ray://10.1.0.6",
    )
    networks = source_policy(told, LiveSettings()).networks
    names = {"db.lan": ["10.1.0.3"], "prefect.lan": ["10.1.0.8", "10.1.0.9"], "alias.lan": ["10.1.0.3"]}

    def look_up(host: str, port: int) -> list[str]:
        if host not in names:
            raise OSError(host)
        return names[host]

    taken = [("10.1.0.3", 5432), ("db.lan", 5432), ("alias.lan", 5432), ("10.1.0.4", 6379), ("10.1.0.5", 9000)]
    for host, port in [*taken, ("fd00::7", 5000), ("10.1.0.9", 4200), ("10.1.0.6", 10001)]:
        with pytest.raises(AddressRefused, match="works with"):
            resolve(host, port, networks, look_up)
    for host, port in [("10.1.0.3", 554), ("10.1.0.8", 80), ("10.1.0.10", 5432)]:
        assert resolve(host, port, networks, look_up) == host
    del names["db.lan"]
    assert resolve("10.1.0.3", 5432, networks, look_up) == "10.1.0.3", "a name without an address keeps nobody away"


def test_a_camera_is_moved_to_no_address_that_is_refused_but_one_that_is_there_may_be_changed(
    cameras: Cameras, database: Database, live: Live, engineer: Actor
) -> None:
    made = cameras.create(engineer, NewCamera(name="Gate", url="rtsp://10.0.0.7/live"))
    SettingsEditor(database, live).set(local_actor(), "camera_networks", ["192.168.0.0/16"])
    for fields in ({"name": "Yard"}, {"url": "rtsp://10.0.0.7/other"}, {"url": "rtsp://gate.lan/live"}):
        changed = cameras.update(engineer, made.id, CameraChange.model_validate(fields))
    assert (changed.record.name, changed.url) == ("Yard", "rtsp://gate.lan:554/live")
    with pytest.raises(AddressRefused, match="outside the networks"):
        cameras.update(engineer, made.id, CameraChange(url="rtsp://10.0.0.7/live"))
    with pytest.raises(AddressRefused, match="outside the networks"):
        cameras.create(engineer, NewCamera(name="Gate", url="rtsp://10.0.0.7/live"))
