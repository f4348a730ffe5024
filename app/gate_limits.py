"""Which limits a request falls under, and what its answer tells about them."""

import hashlib
import math
from collections import OrderedDict

from app.gate_headers import Headers
from app.gate_rules import DATASET_IMPORTS, MODEL_PULLS, MODEL_UPLOADS, VIDEOS, below
from app.gate_visit import Visit
from registry.access import Actor
from registry.access.buckets import Bucket, Level
from registry.access.limits import Limits, refuse_limited
from registry.access.networks import network_of

_LIMITED = ("/api/v1", "/auth", "/live", "/media")
_SIGN_IN = frozenset(
    {"/api/v1/auth/login", "/api/v1/auth/register", "/api/v1/auth/refresh", "/auth/exchange"},
)
_PREDICT = frozenset({"/api/v1/inference/predict"})
_UPLOAD = frozenset({*MODEL_UPLOADS, *DATASET_IMPORTS, "/api/v1/inference/batch", VIDEOS})
_MOST_PROVEN = 10_000


class Proven:
    """The cookies, tokens and keys that were good when they were last looked up, by their hashes."""

    def __init__(self) -> None:
        self._hashes: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, proof: str) -> bool:
        return _hash(proof) in self._hashes

    def note(self, proof: str, *, good: bool) -> None:
        """Remember what came of a look-up."""
        self._hashes.pop(_hash(proof), None)
        if good:
            self._hashes[_hash(proof)] = None
            if len(self._hashes) > _MOST_PROVEN:
                self._hashes.popitem(last=False)


class Tally:
    """What one request is counted in. The methods raise TooManyRequests."""

    def __init__(self, limits: Limits, visit: Visit) -> None:
        self._limits = limits
        self._live = limits.live.latest()
        self._visit = visit
        self._level: Level | None = None

    async def count_proof(self) -> None:
        """Before a proof is looked up that was not good before: a flood of guesses ends here, at no cost.

        Good ones are counted once as such, so that an address that guesses shuts none of its neighbours out.
        """
        await self._take([self._address("address", self._live.limit_address)])

    async def count_caller(self, actor: Actor) -> None:
        """When it is known who asks, or that nobody does."""
        if below(self._visit.path, *_LIMITED):
            await self._take(self._of_user(actor) if actor.known else self._of_nobody())

    def headers(self) -> Headers:
        """What the answer tells about the tightest limit; nothing where none applies."""
        if self._level is None:
            return []
        told = {
            b"ratelimit-limit": self._level.limit,
            b"ratelimit-remaining": self._level.remaining,
            b"ratelimit-reset": math.ceil(self._level.full_after_s),
        }
        return [(name, str(value).encode()) for name, value in told.items()]

    def _of_user(self, actor: Actor) -> list[Bucket]:
        buckets = [Bucket("user", actor.id, self._live.limit_user)]
        if actor.via == "key":
            buckets.append(Bucket("key", actor.credential, self._live.limit_key))
        if self._posts_to(_PREDICT):
            buckets.append(Bucket("predict", actor.id, self._live.limit_predict))
        if self._posts_to(_UPLOAD) or (self._visit.method == "POST" and below(self._visit.path, MODEL_PULLS)):
            buckets.append(Bucket("upload", actor.id, self._live.limit_upload))
        return buckets + self._signing_in()

    def _of_nobody(self) -> list[Bucket]:
        counted = self._level is not None  # as a proof that was none
        return [*([] if counted else [self._address("address", self._live.limit_address)]), *self._signing_in()]

    def _signing_in(self) -> list[Bucket]:
        return [self._address("sign-in", self._live.limit_sign_in)] if self._posts_to(_SIGN_IN) else []

    def _address(self, kind: str, per_minute: int) -> Bucket:
        return Bucket(kind, network_of(self._visit.address), per_minute)

    def _posts_to(self, paths: frozenset[str]) -> bool:
        return self._visit.method == "POST" and self._visit.path in paths

    async def _take(self, buckets: list[Bucket]) -> None:
        if not self._live.limits_on or not buckets:
            return
        self._level = await self._limits.take(buckets)
        refuse_limited(self._level)


def _hash(proof: str) -> bytes:
    return hashlib.sha256(proof.encode()).digest()
