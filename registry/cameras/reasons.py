"""Why a camera shows no picture, in words that say what to do."""

from registry.streams import Reason

NO_WORKER = "no_worker"

REASONS: dict[str, str] = {
    Reason.UNRESOLVED: "The name in the URL is not known here. Check it, or give the camera's address.",
    Reason.UNREACHABLE: "Nothing answers at this address and port. Check both, and that the camera is on.",
    Reason.ADDRESS_REFUSED: "Cameras may not be at this address. An administrator sets the camera networks.",
    Reason.UNAUTHORISED: "The camera refuses the name and password. Check both.",
    Reason.NOT_FOUND: "The camera answers, but has no stream of this path. Check the path in the URL.",
    Reason.REDIRECTED: "The camera sends us to another address. Give that address in the URL.",
    Reason.BUSY: "The camera refuses for the moment; many serve only a few viewers at a time.",
    Reason.CLOSED: "The camera ended the connection.",
    Reason.SILENT: "The camera is connected, but sends no picture.",
    Reason.GARBAGE: "What comes is no video that can be read.",
    Reason.REPEATED: "The camera sends the same picture again and again.",
    Reason.RUNAWAY: "The camera sends far more pictures than a camera makes.",
    Reason.RESHAPED: "The camera changed the shape of its picture; it is connected anew.",
    Reason.DECODER: "The video cannot be decoded.",
    Reason.MISSING: "The file or the device is not there.",
    "configuration": "It cannot run as it is configured: change its address, its password or its settings.",
    NO_WORKER: "No camera worker runs. The camera starts when one is there.",
}


def in_words(reason: str) -> str:
    """What a reason means; empty for none, the reason itself for one that nobody put into words."""
    return REASONS.get(reason, reason)
