"""Why a source is not there."""

from enum import StrEnum


class Reason(StrEnum):
    """What ended a connection, or kept it from being made."""

    NONE = ""
    UNRESOLVED = "unresolved"  # the name has no address
    UNREACHABLE = "unreachable"  # nothing answers there
    ADDRESS_REFUSED = "address_refused"  # the address may not be a camera's
    UNAUTHORISED = "unauthorised"  # wrong name or password
    NOT_FOUND = "not_found"  # the camera has no such stream
    REDIRECTED = "redirected"  # the camera sends us elsewhere, where we do not go
    BUSY = "busy"  # the camera refuses for the moment
    CLOSED = "closed"  # the connection ended
    SILENT = "silent"  # connected, and nothing comes
    GARBAGE = "garbage"  # what comes is no video
    REPEATED = "repeated"  # the same picture again and again
    RUNAWAY = "runaway"  # far more frames than a camera makes
    RESHAPED = "reshaped"  # another picture shape than before
    DECODER = "decoder"  # the decoder gave up
    MISSING = "missing"  # the file or device is gone

    @property
    def needs_a_person(self) -> bool:
        """Whether trying again cannot help."""
        return self in {Reason.ADDRESS_REFUSED, Reason.REDIRECTED}


def in_print(text: str) -> str:
    """A text that any page shows and any database takes: spaces where control characters stood."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


class SourceLost(Exception):
    """A source that ended or could not be opened; `detail` is safe to show and to store."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = in_print(detail)  # a camera may have a say in it


def refusal_of(status: int) -> SourceLost | None:
    """What a status of RTSP or HTTP means for us; None for one that lets us in."""
    if status < 300:
        return None
    said = f"the camera answered {status}"
    if status < 400:
        return SourceLost(Reason.REDIRECTED, f"{said}: it sends us to another address, where we do not go")
    if status in {401, 403}:
        return SourceLost(Reason.UNAUTHORISED, f"{said}: name or password are wrong or missing")
    if status in {400, 404, 410}:
        return SourceLost(Reason.NOT_FOUND, f"{said}: it has no such stream")
    return SourceLost(Reason.BUSY, said)
