"""Telling others what happened: webhooks, MQTT, e-mail, and what Apprise knows."""
