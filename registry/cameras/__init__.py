"""Cameras as people configure them: settings, credentials, permissions, events; between the records and the streams."""
