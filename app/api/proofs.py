"""Threads of their own for what checks passwords, so that sign-ins that wait do not hold up the other routes."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from fastapi import Request

Value = TypeVar("Value")

_AT_ONCE = 16


async def proving(request: Request, work: Callable[[], Value]) -> Value:
    """Run what waits for a password's hash, beside at most 15 others."""
    state = request.app.state
    if not hasattr(state, "proofs"):  # belongs to the running loop
        state.proofs = anyio.CapacityLimiter(_AT_ONCE)
    return await anyio.to_thread.run_sync(work, limiter=state.proofs)
