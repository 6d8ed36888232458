"""Ray for as long as a run: telemetry off, and what is started here on 127.0.0.1 with a token that lives in memory."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.core import extras
from bench.core.errors import UsageError

STORE = 80 * 2**20  # bytes of Ray's object store, the least it takes: everything large goes through the results folder
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
}
ONE_MACHINE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # Ray stays on 127.0.0.1, on Linux too; read by `import ray`


@contextmanager
def connected(address: str, cpus: int | None, debug: bool) -> Iterator[Any]:
    """Ray; afterwards only what was started here is shut down."""
    os.environ.update(ENVIRONMENT)
    local = address == "local"
    if local:
        os.environ.update(ONE_MACHINE)
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray keeps one in the home folder
    extras.check("ray", "The executor ray")
    import ray

    if ray.is_initialized():
        yield ray
        return
    own: dict[str, Any] = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": STORE} if local else {}
    try:
        ray.init(address=address, log_to_driver=debug, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UsageError(f"Cannot reach Ray at {address}: {str(error).splitlines()[0]}") from error
    try:
        yield ray
    finally:
        ray.shutdown()
