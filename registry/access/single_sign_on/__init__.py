"""Single sign-on: people whom an OpenID Connect provider vouches for, as users of this platform."""

from registry.access.single_sign_on.refusals import REFUSALS, Refusal
from registry.access.single_sign_on.sign_on import SingleSignOn

__all__ = ["REFUSALS", "Refusal", "SingleSignOn"]
