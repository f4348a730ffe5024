"""The sender that fits a receiver, with its secrets opened."""

from collections.abc import Collection, Sequence

from sqlmodel import col, select

from registry.access.live import Live
from registry.cameras.sealing import Seals
from registry.errors import RegistryError
from registry.notify.asked import Place
from registry.notify.email import EmailSender
from registry.notify.reach import check_literal, reach_of
from registry.notify.sending import Address, CameraNow, NotDelivered, Sender, Surroundings
from registry.notify.webhook import WebhookSender
from registry.records import CameraEvent, Database, NotificationReceiver, ReceiverKind, camera_list
from registry.settings import Settings
from registry.storage import Storage

_MOST_CAMERAS = 2_000


class Senders:
    """Makes senders for one platform."""

    def __init__(self, settings: Settings, live: Live, database: Database, storage: Storage) -> None:
        self._database = database
        self.seals = Seals(settings)
        self._around = Surroundings(
            lambda: reach_of(settings, live.current()), storage.get, self._cameras, self._lasting
        )

    def check(self, kind: str, place: Place) -> None:
        """Raises AddressRefused where it is certain that nothing would ever be sent there."""
        if kind != ReceiverKind.APPRISE:
            check_literal(place.origin, self._around.reach())

    def make(self, receiver: NotificationReceiver) -> Sender:
        """A sender that is not connected yet. Raises NotDelivered where its secrets cannot be read."""
        try:
            kept = self.seals.open(sealed_for(receiver.id), origin_of(receiver.address), receiver.sealed)
        except RegistryError as error:
            raise NotDelivered(error.message) from error
        known = kept.credentials
        address = Address(
            kept.target or receiver.address,
            known.username if known else "",
            known.password if known else "",
            dict(receiver.options),
        )
        if receiver.kind == ReceiverKind.WEBHOOK:
            return WebhookSender(address, self._around)
        if receiver.kind == ReceiverKind.EMAIL:
            return EmailSender(address, self._around)
        if receiver.kind == ReceiverKind.MQTT:
            from registry.notify.mqtt import MqttSender

            return MqttSender(address, self._around, receiver.id)
        from registry.notify.apprise_sender import AppriseSender

        return AppriseSender(address)

    def _cameras(self) -> Sequence[CameraNow]:
        with self._database.read() as session:
            now = camera_list.moment(session)
            found, _ = camera_list.page(session, camera_list.CameraFilter(), now, number=1, size=_MOST_CAMERAS)
        return [
            CameraNow(record.id, record.name, camera_list.state_of(record, lease, now) == "live")
            for record, lease in found
        ]

    def _lasting(self, event_ids: Collection[str]) -> set[str]:
        asked = select(CameraEvent.id).where(col(CameraEvent.id).in_(event_ids), col(CameraEvent.ended_at).is_(None))
        with self._database.read() as session:
            return set(session.exec(asked).all())


def sealed_for(receiver_id: str) -> str:
    """What the secrets of a receiver are bound to."""
    return f"notify:{receiver_id}"


def origin_of(address: str) -> str:
    """scheme://host:port of a shown address: with another one, the secrets have to be given again."""
    head, _, rest = address.partition("://")
    return f"{head}://{rest.partition('/')[0].replace('***', '')}"
