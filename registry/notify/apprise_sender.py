"""Everything that Apprise knows: chats, push services, text messages."""

import logging

from apprise import Apprise, AppriseAsset

from registry.notify.outbox import sentence
from registry.notify.sending import Address, Letter, NotDelivered

LOCAL = frozenset(
    {"dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "syslog", "file", "kodi", "kodis", "xbmc"}
)
_SILENT = logging.CRITICAL + 1


class AppriseSender:
    """One Apprise URL. Where it leads to is Apprise's: only administrators may set one."""

    def __init__(self, address: Address) -> None:
        self._address = address
        logging.getLogger("apprise").setLevel(_SILENT)  # its log tells whole addresses, with their tokens

    def send(self, letter: Letter) -> str:
        """Deliver one; nothing to tell of it. Raises NotDelivered."""
        told = Apprise(asset=AppriseAsset(plugin_paths=[], app_id="NexusAI"))
        if not told.add(self._address.url):
            raise NotDelivered("Apprise does not know this address", refused=True)
        if not told.notify(title="NexusAI", body=sentence(letter.payload)):
            raise NotDelivered("the service did not take it")
        return ""

    def tend(self) -> None:
        """Nothing is held open."""

    def forget(self) -> None:
        """Nothing is left there that could be taken away."""

    def close(self) -> None:
        """Nothing is held open."""
