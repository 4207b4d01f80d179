"""Several workers on one machine: one listening socket, a process each, and a supervisor that replaces the dead."""

from __future__ import annotations

import gc
import sys

import structlog
import uvicorn
from sqlalchemy.engine import make_url
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from voiceguard.adapters import logs
from voiceguard.adapters.logs import described
from voiceguard.errors import ConfigurationError, VoiceguardError
from voiceguard.server.app import create_app, server_config
from voiceguard.server.port.census import raise_descriptors
from voiceguard.server.port.tls import check_listening
from voiceguard.settings import Settings

ANSWER_S = 60
"""A worker that has not answered its supervisor for so long is replaced: on a busy machine its start takes a while."""

log = structlog.get_logger()


class WorkerConfig(uvicorn.Config):
    """Travels to each process with the settings alone, and makes the application there."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            "", host=settings.host, port=settings.port, workers=settings.workers, log_level="warning",
            timeout_worker_healthcheck=ANSWER_S,
        )
        self._settings = settings

    def load(self) -> None:
        """Make the application; the process exits with `STARTUP_FAILURE`, which nobody restarts, where it cannot."""
        settings = self._settings
        raise_descriptors()
        logs.configure(settings.log_level, settings.log_format)
        try:
            app = create_app(settings)
        except VoiceguardError as error:
            log.error("a worker cannot start", **described(error))
            sys.exit(STARTUP_FAILURE)
        freeze()
        self.__dict__.update(server_config(app, settings).__dict__)
        super().load()


def freeze() -> None:
    """Exempt what lives as long as the process from garbage collection: a pass over it would stop calls for 70 ms."""
    gc.collect()
    gc.freeze()


def serve(settings: Settings) -> None:
    """Serve until stopped.

    Raises ConfigurationError for several workers without what they share, and when one cannot start.
    """
    check_listening(settings)
    if settings.workers == 1:
        raise_descriptors()
        app = create_app(settings)
        freeze()
        uvicorn.Server(server_config(app, settings)).run()
        return
    if settings.redis_url is None or make_url(settings.store_url).get_backend_name() == "sqlite":
        raise ConfigurationError(
            "several workers share a PostgreSQL and a Redis: set VOICEGUARD_DATABASE_URL and VOICEGUARD_REDIS_URL"
        )
    config = WorkerConfig(settings)
    supervisor = Multiprocess(config, [config.bind_socket()])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise ConfigurationError("a worker could not start; its log line says why")
