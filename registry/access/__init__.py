"""Access: who may do what, how they prove who they are, and the trace of what they did."""

from registry.access.actor import Actor
from registry.access.permissions import Action, Target, allowed, require

__all__ = ["Action", "Actor", "Target", "allowed", "require"]
