"""The HTTP API under /api/v1."""

from app.api.application import create_api

__all__ = ["create_api"]
