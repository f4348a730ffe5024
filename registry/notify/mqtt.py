"""MQTT: events, each camera's state retained, availability by last will, discovery for Home Assistant."""

import json
import re
import secrets
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from registry.errors import RegistryError
from registry.notify.reach import Reach, endpoint
from registry.notify.sending import Address, CameraNow, Letter, NotDelivered, Surroundings

_TIMEOUT_S = 10.0
_KEEPALIVE_S = 30
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


class _Client(paho.Client):
    """Connects to the checked address; certificates are compared with the name."""

    reach: Reach

    def _create_socket_connection(self) -> socket.socket:
        return self.reach.connect(self._host, self._port, _TIMEOUT_S)


class MqttSender:
    """One connection that is held open; what is published is delivered once the broker has said so (QoS 1).

    Topics below the prefix (`nexusai`): `status` (online or offline, retained, by last will), `CAMERA/state` (ON or
    OFF, retained), `CAMERA/event` (JSON, retained), `CAMERA/active` (ON while an event lasts, retained).
    """

    def __init__(self, address: Address, around: Surroundings, receiver_id: str) -> None:
        self._address, self._around = address, around
        self._prefix = str(address.options.get("topic") or "nexusai")
        self._client_id = f"nexusai-{receiver_id[:12]}-{secrets.token_hex(4)}"  # a test beside the one that serves
        self._client: _Client | None = None
        self._connections = 0  # so far; paho makes them, too
        self._told = 0  # the one over which it was made known that we are online, and the cameras
        self._known: dict[str, CameraNow] = {}
        self._lasting: dict[str, set[str]] = {}  # events that began here, by camera
        self._ready = threading.Event()
        self._refusal = ""

    def send(self, letter: Letter) -> str:
        """Deliver one; nothing to tell of it. Raises NotDelivered."""
        self._connect()
        payload = letter.payload
        camera = payload.get("camera") or {}
        topic = f"{self._prefix}/{topic_of(camera['name'], camera['id']) if camera else 'test'}"
        body = json.dumps({"id": letter.letter_id, **payload}, ensure_ascii=False)
        self._publish(f"{topic}/event", body, retain=payload.get("kind") != "test")
        if payload.get("kind") in {"offline", "online"} and payload.get("phase") == "started":
            self._publish(f"{topic}/state", "ON" if payload["kind"] == "online" else "OFF")
        elif payload.get("kind") == "object":
            lasting = self._lasting.setdefault(camera["id"], set())
            (lasting.add if payload.get("phase") == "started" else lasting.discard)(payload["event"])
            self._publish(f"{topic}/active", _active(lasting))
        return ""

    def tend(self) -> None:
        """Stay connected, and make known what changed: cameras that are new, gone, renamed. Raises NotDelivered."""
        self._connect()
        connection = self._connections
        if self._told != connection:  # a broker that was started again, or told our last will, knows nothing of us
            self._known = {}
            self._publish(f"{self._prefix}/status", "online")
            self._told = connection
        now = {each.camera_id: each for each in self._around.cameras()}
        for camera_id, camera in now.items():
            if self._known.get(camera_id) != camera:
                self._announce(camera)
        for camera_id in self._known.keys() - now.keys():
            self._forget(self._known[camera_id])
            self._lasting.pop(camera_id, None)
        self._known = now
        self._end_what_is_over(now)

    def forget(self) -> None:
        """Take every retained message away, also what a process before this one left. Raises NotDelivered."""
        self._connect()
        now = {each.camera_id: each for each in self._around.cameras()}
        for camera in {*self._known.values(), *now.values()}:
            self._forget(camera)
        self._publish(f"{self._prefix}/status", "")
        self._known, self._told = {}, 0

    def close(self) -> None:
        """Say that nothing more comes, and leave."""
        client, self._client = self._client, None
        if client is None:
            return
        if client.is_connected() and self._told:
            client.publish(f"{self._prefix}/status", "offline", qos=1, retain=True).wait_for_publish(2)
        client.disconnect()
        client.loop_stop()

    def _connect(self) -> None:
        if self._client is not None and self._client.is_connected():
            return
        if self._client is not None:
            self._client.loop_stop()
        self._refusal = ""
        self._ready.clear()
        host, port = endpoint(self._address.url)
        secure = self._address.url.startswith("mqtts:")
        client = self._client = _Client(CallbackAPIVersion.VERSION2, client_id=self._client_id)
        client.reach = self._around.reach()
        client.on_connect = self._on_connect
        client.will_set(f"{self._prefix}/status", "offline", qos=1, retain=True)
        if self._address.username:
            client.username_pw_set(self._address.username, self._address.secret)
        if secure:
            client.tls_set_context(ssl.create_default_context())
        try:
            client.connect(host, port, keepalive=_KEEPALIVE_S)
        except (RegistryError, OSError, ValueError) as error:
            why = error.message if isinstance(error, RegistryError) else str(error)
            raise NotDelivered(f"the broker at {host} cannot be reached: {why}") from error
        client.loop_start()
        if not self._ready.wait(_TIMEOUT_S) or self._refusal:
            client.loop_stop()
            self._client = None
            raise NotDelivered(f"the broker at {host} refused: {self._refusal or 'no answer'}")

    def _on_connect(self, _client: object, _data: object, _flags: object, reason: ReasonCode, _more: object) -> None:
        self._refusal = str(reason) if reason.is_failure else ""
        self._connections += 0 if reason.is_failure else 1
        self._ready.set()

    def _publish(self, topic: str, body: str, *, retain: bool = True) -> None:
        if self._client is None:
            raise NotDelivered("the broker is gone")
        try:
            sent = self._client.publish(topic, body, qos=1, retain=retain)
            sent.wait_for_publish(_TIMEOUT_S)
        except (ValueError, RuntimeError) as error:
            raise NotDelivered(f"the broker took nothing: {error}") from error
        if not sent.is_published():
            raise NotDelivered("the broker did not confirm")

    def _announce(self, camera: CameraNow) -> None:
        topic = topic_of(camera.name, camera.camera_id)
        before = self._known.get(camera.camera_id)
        if before is not None and before.name != camera.name:
            self._forget(before)
        self._publish(f"{self._prefix}/{topic}/state", "ON" if camera.is_online else "OFF")
        if (lasting := self._lasting.get(camera.camera_id)) is not None:
            self._publish(f"{self._prefix}/{topic}/active", _active(lasting))
        for where, what in self._discovery(camera).items():
            self._publish(where, json.dumps(what, ensure_ascii=False))

    def _end_what_is_over(self, cameras: Mapping[str, CameraNow]) -> None:
        """An event whose end is told to nobody, as it was deleted or fell out of the line, does not last for ever."""
        waiting = {event_id for events in self._lasting.values() for event_id in events}
        still = self._around.lasting(waiting) if waiting else set()
        for camera_id, events in self._lasting.items():
            if events <= still:
                continue
            events.intersection_update(still)
            if camera_id in cameras:
                topic = topic_of(cameras[camera_id].name, camera_id)
                self._publish(f"{self._prefix}/{topic}/active", _active(events))

    def _forget(self, camera: CameraNow) -> None:
        """An empty retained message takes one away."""
        for name in ("state", "event", "active"):
            self._publish(f"{self._prefix}/{topic_of(camera.name, camera.camera_id)}/{name}", "")
        for where in self._discovery(camera):
            self._publish(where, "")

    def _discovery(self, camera: CameraNow) -> dict[str, dict[str, Any]]:
        """What Home Assistant reads of a camera: whether it is online, whether something is there, what was last."""
        options = self._address.options
        if not options.get("discovery", True):
            return {}
        root = options.get("discovery_prefix") or "homeassistant"
        base = f"{self._prefix}/{topic_of(camera.name, camera.camera_id)}"
        unique = f"nexusai_{camera.camera_id}"
        device = {"identifiers": [unique], "name": camera.name, "manufacturer": "NexusAI", "model": "Camera"}
        same = {"availability_topic": f"{self._prefix}/status", "device": device}
        online = {"name": "Online", "device_class": "connectivity", "state_topic": f"{base}/state"}
        active = {"name": "Something seen", "device_class": "occupancy", "state_topic": f"{base}/active"}
        last = {
            "name": "Last event",
            "state_topic": f"{base}/event",
            "value_template": "{{ value_json.label or value_json.kind }}",
            "json_attributes_topic": f"{base}/event",
        }
        return {
            f"{root}/binary_sensor/{unique}/online/config": {**same, **online, "unique_id": f"{unique}_online"},
            f"{root}/binary_sensor/{unique}/active/config": {**same, **active, "unique_id": f"{unique}_active"},
            f"{root}/sensor/{unique}/event/config": {**same, **last, "unique_id": f"{unique}_event"},
        }


def _active(lasting: Collection[str]) -> str:
    return "ON" if lasting else "OFF"


def topic_of(name: str, camera_id: str) -> str:
    """A camera's name as one level of a topic; where it had to be altered, with a part of the camera's id."""
    plain = _UNSAFE.sub("_", name).strip("_")
    return name if plain == name else f"{plain or 'camera'}-{camera_id[:6]}"
