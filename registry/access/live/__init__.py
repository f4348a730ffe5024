"""Live settings: what may be changed while the platform runs, its values, and the way to change them."""

from registry.access.live.definitions import LiveSettings
from registry.access.live.edits import Change, SettingsEditor
from registry.access.live.entry import Entry
from registry.access.live.values import Live

__all__ = ["Change", "Entry", "Live", "LiveSettings", "SettingsEditor"]
