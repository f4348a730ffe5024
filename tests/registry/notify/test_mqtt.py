"""MQTT by real brokers."""

import json
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from registry.notify.asked import ReceiverAsked
from registry.notify.mqtt import MqttSender, topic_of
from registry.notify.postman import Postman
from registry.notify.reach import reach_of
from registry.notify.sending import Address, CameraNow, Letter, Surroundings
from registry.records import CameraEvent, CameraLease, EventKind, utc_now
from registry.testing.requirements import require_port, require_tool
from registry.testing.watched import wait_until
from tests.registry.notify.conftest import ADMIN, Office

Start = Callable[[], Postman]


@pytest.mark.parametrize(
    ("name", "topic"),
    [("door-1", "door-1"), ("Front door", "Front_door-abcdef"), ("A_b", "A_b"), ("門", "camera-abcdef")],
    ids=["plain", "space", "underscore", "nothing left"],
)
def test_a_camera_has_a_topic_of_its_own(name: str, topic: str) -> None:
    assert topic_of(name, "abcdef0123") == topic


class Listener:
    """A client of the broker that keeps the last message of each topic."""

    def __init__(self, *topics: str, port: int = 1883) -> None:
        self.last: dict[str, tuple[str, bool]] = {}
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._keep
        self.client.connect("127.0.0.1", port)
        for topic in topics:
            self.client.subscribe(topic, qos=1)
        self.client.loop_start()

    def _keep(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.last[message.topic] = (message.payload.decode(), message.retain)

    def wait(self, topic: str, holds: Callable[[str], bool]) -> str:
        wait_until(lambda: topic in self.last and holds(self.last[topic][0]), 30)
        return self.last[topic][0]


@pytest.fixture
def broker() -> Iterator[tuple[str, Callable[[], Listener]]]:
    """A topic of this test's own on the broker of this machine; what it retained is taken away at the end."""
    require_port("127.0.0.1", 1883, "Mosquitto")
    root = f"nexus-test-{uuid.uuid4().hex[:8]}"
    listeners: list[Listener] = []

    def listen() -> Listener:
        listeners.append(Listener(f"{root}/#"))
        return listeners[-1]

    yield root, listen
    cleaner = Listener(f"{root}/#")
    for topic in [topic for listener in listeners for topic in listener.last]:
        cleaner.client.publish(topic, "", qos=1, retain=True).wait_for_publish(5)
    for listener in [*listeners, cleaner]:
        listener.client.disconnect()
        listener.client.loop_stop()


def test_the_broker_has_events_states_and_what_home_assistant_reads(
    office: Office, postman: Start, broker: tuple[str, Callable[[], Listener]]
) -> None:
    root, listen = broker
    with office.database.write() as session:
        until = utc_now() + timedelta(minutes=5)
        session.add(CameraLease(camera_id="cam", state="live", worker_id="w", leased_until=until))
    options = {"topic": f"{root}/nexus", "discovery_prefix": f"{root}/ha"}
    made = office.add("mqtt", "mqtt://127.0.0.1:1883", options=options)
    begun = postman()
    heard = listen()
    heard.wait(f"{root}/nexus/Front_door-cam/state", lambda said: said == "ON")
    event = office.tell(label="person")
    heard.wait(f"{root}/nexus/Front_door-cam/active", lambda said: said == "ON")
    office.end(event)
    heard.wait(f"{root}/nexus/Front_door-cam/active", lambda said: said == "OFF")
    office.tell(kind=EventKind.OFFLINE, label="")
    heard.wait(f"{root}/nexus/Front_door-cam/state", lambda said: said == "OFF")
    office.wait(made, lambda view: view.delivered == 3)
    later = listen()  # all of it is retained: who comes later knows it too
    told = json.loads(later.wait(f"{root}/nexus/Front_door-cam/event", lambda said: '"offline"' in said))
    assert told["camera"] == {"id": "cam", "name": "Front door"}
    assert event.id != told["event"]
    config = json.loads(later.wait(f"{root}/ha/binary_sensor/nexusai_cam/online/config", bool))
    assert config["state_topic"] == f"{root}/nexus/Front_door-cam/state"
    assert config["availability_topic"] == f"{root}/nexus/status"
    assert (
        json.loads(later.wait(f"{root}/ha/sensor/nexusai_cam/event/config", bool))["unique_id"] == "nexusai_cam_event"
    )
    assert later.last[f"{root}/nexus/status"] == ("online", True)
    office.receivers.test(ADMIN, made.id)  # beside the one that serves
    assert later.last[f"{root}/nexus/status"] == ("online", True)
    begun.close()
    later.wait(f"{root}/nexus/status", lambda said: said == "offline")


def test_a_camera_is_active_until_the_last_of_its_events_is_over(
    office: Office, postman: Start, broker: tuple[str, Callable[[], Listener]]
) -> None:
    root, listen = broker
    options = {"topic": f"{root}/nexus", "discovery": False}
    made = office.add("mqtt", "mqtt://127.0.0.1:1883", options=options, wanted={"phases": ["started", "ended"]})
    postman()
    heard, active = listen(), f"{root}/nexus/Front_door-cam/active"
    first, second, third = (office.tell(label=label) for label in ("person", "dog", "cat"))
    office.end(first)
    office.wait(made, lambda view: view.delivered == 4)
    assert heard.wait(active, bool) == "ON"
    office.end(second)
    office.wait(made, lambda view: view.delivered == 5)
    assert heard.wait(active, bool) == "ON"
    with office.database.write() as session:  # somebody deletes it: nobody is told of its end
        session.delete(session.get_one(CameraEvent, third.id))
    heard.wait(active, lambda said: said == "OFF")


def test_a_receiver_that_goes_or_tells_elsewhere_leaves_nothing_at_the_broker(
    office: Office, postman: Start, broker: tuple[str, Callable[[], Listener]]
) -> None:
    root, listen = broker
    options = {"topic": f"{root}/first", "discovery_prefix": f"{root}/ha"}
    made = office.add("mqtt", "mqtt://127.0.0.1:1883", options=options)
    postman()
    office.end(office.tell())
    office.wait(made, lambda view: view.delivered == 2)
    names = ("status", *(f"Front_door-cam/{name}" for name in ("state", "event", "active")))
    configs = [f"{root}/ha/{way}/config" for way in ("binary_sensor/nexusai_cam/online", "sensor/nexusai_cam/event")]
    heard = listen()
    for topic in (*(f"{root}/first/{name}" for name in names), *configs):
        heard.wait(topic, bool)

    def change(**given: object) -> None:
        asked = {"name": made.name, "kind": "mqtt", "address": made.address, **given}
        office.receivers.update(ADMIN, made.id, ReceiverAsked.model_validate(asked))

    change(options={**options, "topic": f"{root}/second"})
    for name in names:
        heard.wait(f"{root}/first/{name}", lambda said: not said)
    heard.wait(configs[0], lambda said: f"{root}/second/" in said)  # told anew, after the old was taken away
    change(is_on=False)
    heard.wait(configs[0], lambda said: not said)
    change(is_on=True)
    heard.wait(f"{root}/second/status", lambda said: said == "online")
    heard.wait(configs[0], bool)
    office.receivers.delete(ADMIN, made.id)
    wait_until(lambda: not any(said for said, _ in heard.last.values()), 30)


class Broker:
    """Mosquitto in a process of its own that keeps nothing."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self._program, self._settings = program, folder / "mosquitto.conf"
        self._settings.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")

    def start(self) -> None:
        self.process = subprocess.Popen([self._program, "-c", str(self._settings)], stderr=subprocess.DEVNULL)
        wait_until(self._answers, 30)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(
        require_tool("mosquitto", "install it with your package manager, e.g. apt install mosquitto"), tmp_path
    )
    made.start()
    yield made
    made.stop()


def test_a_broker_that_was_started_again_is_told_everything_anew(office: Office, own_broker: Broker) -> None:
    cameras = [CameraNow("cam", "door", is_online=True), CameraNow("two", "yard", is_online=False)]
    reach = partial(reach_of, office.settings, office.live.current())
    around = Surroundings(reach, office.storage.get, lambda: cameras, set)
    sender = MqttSender(Address(f"mqtt://127.0.0.1:{own_broker.port}"), around, "receiver")
    begun = {"kind": "object", "phase": "started", "event": "e1", "camera": {"id": "cam", "name": "door"}}
    try:
        sender.tend()
        sender.send(Letter("l1", datetime.now(UTC), begun))
        own_broker.stop()
        own_broker.start()
        client = sender._client
        assert client is not None
        wait_until(lambda: sender._connections == 2 and client.is_connected(), 30)
        sender.tend()
        assert sender._client is client, "paho connected anew by itself"
        heard = Listener("#", port=own_broker.port)
        heard.wait("homeassistant/binary_sensor/nexusai_two/online/config", bool)
        said = {
            topic: heard.wait(topic, bool) for topic in ("nexusai/status", "nexusai/door/state", "nexusai/yard/state")
        }
        assert said == {"nexusai/status": "online", "nexusai/door/state": "ON", "nexusai/yard/state": "OFF"}
        assert heard.wait("nexusai/door/active", bool) == "ON"
        heard.client.disconnect()
        heard.client.loop_stop()
    finally:
        sender.close()


def test_the_broker_says_when_the_process_died(office: Office, broker: tuple[str, Callable[[], Listener]]) -> None:
    root, listen = broker
    heard = listen()
    office.add("mqtt", "mqtt://127.0.0.1:1883", options={"topic": f"{root}/nexus", "discovery": False})
    program = (
        "import sys, time\n"
        "from registry.access.live import Live\n"
        "from registry.notify.postman import Postman\n"
        "from registry.notify.senders import Senders\n"
        "from registry.records import open_database\n"
        "from registry.settings import load_settings\n"
        "from registry.storage import LocalStorage\n"
        "settings = load_settings(home=sys.argv[1])\n"
        "database = open_database(settings.records_url)\n"
        "live = Live(database, settings)\n"
        "senders = Senders(settings, live, database, LocalStorage(settings.home / 'storage'))\n"
        "Postman(database, live, senders.make).start()\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(office.settings.home)]) as process:
        try:
            heard.wait(f"{root}/nexus/status", lambda said: said == "online")
        finally:
            process.kill()
    heard.wait(f"{root}/nexus/status", lambda said: said == "offline")
