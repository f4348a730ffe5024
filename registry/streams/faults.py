"""Telling a fault of ours, or of code we were given, to the log."""

import sys
import traceback

import structlog

log = structlog.get_logger(__name__)


def tell_fault(what: str, **context: object) -> None:
    """Log the exception that is being handled with its lines, and without the values of its variables.

    Loggers for people print those too, and among them are a camera's password, or a whole picture.
    """
    error = sys.exception()
    log.error(what, trace="".join(traceback.format_exception(error)) if error else "", **context)
