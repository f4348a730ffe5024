"""A sign-in under way, sealed for the browser to keep until it comes back from the provider."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field

from cryptography.fernet import Fernet, InvalidToken

from registry.access.secret_files import read_or_make
from registry.access.single_sign_on.refusals import Refusal, refused
from registry.settings import Settings

SECONDS = 600


def _random() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the provider's answer must fit; `wanted` is the page that was asked for."""

    redirect_uri: str
    wanted: str
    state: str = field(default_factory=_random)
    nonce: str = field(default_factory=_random)
    verifier: str = field(default_factory=_random, repr=False)


class Attempts:
    """Seals attempts with a key of the platform's own, so that no other replica has to remember them."""

    def __init__(self, settings: Settings) -> None:
        key = read_or_make(settings.secrets_dir / "single-sign-on.key")
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, attempt: Attempt) -> str:
        """The attempt as a cookie's value: encrypted, signed and dated."""
        return self._fernet.encrypt(json.dumps(asdict(attempt)).encode()).decode()

    def open(self, sealed: str, state: str) -> Attempt:
        """The attempt that this browser began and the provider answers. Raises SingleSignOnFailed."""
        try:
            attempt = Attempt(**json.loads(self._fernet.decrypt(sealed.encode(), ttl=SECONDS)))
        except InvalidToken as error:
            raise refused(Refusal.EXPIRED) from error
        if not secrets.compare_digest(attempt.state.encode(), state.encode()):
            raise refused(Refusal.EXPIRED)
        return attempt
