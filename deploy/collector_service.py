"""The collector as a service: OTLP over HTTP and gRPC on one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from collector.ingest import Ingest
from collector.operations import add_operations
from collector.price_book import PriceBook
from collector.price_operations import add_price_operations
from collector.receivers.auth import Anonymous, StaticTokens, Verifier, check_bind
from collector.receivers.grpc import GrpcReceiver
from collector.receivers.http import http_app
from collector.retention.holds import Holds
from collector.retention.operations import add_retention_operations
from collector.sealing.operations import add_seal_operations
from collector.selfobs import Observations
from collector.settings import CollectorSettings
from collector.store.connection import Store


class HttpServer(uvicorn.Server):
    """A uvicorn server whose signals are somebody else's: several run on one loop."""

    def __init__(self, app: ASGIApp, host: str, port: int, grace: int = 5) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=grace,
            )
        )
        self._socket: socket.socket | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def bind(self) -> int:
        """The port taken. Raises OSError naming it when it can't be had."""
        family = socket.AF_INET6 if ":" in self.config.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((self.config.host, self.config.port))
        except OSError as error:
            bound.close()
            raise OSError(
                f"can't listen on {self.config.host}:{self.config.port} ({error.strerror}): is the port taken?"
            ) from error
        bound.listen(2048)
        self._socket = bound
        return int(bound.getsockname()[1])

    async def serve_bound(self) -> None:
        """Serve until `should_exit`."""
        assert self._socket is not None, "bind first"
        await self.serve(sockets=[self._socket])


def verifier_of(settings: CollectorSettings) -> Verifier:
    """Who may send, as the collector's own settings say. Raises SettingsError."""
    verifier: Verifier = StaticTokens(settings.tokens_file) if settings.tokens_file else Anonymous()
    check_bind(settings.host, verifier)
    return verifier


class CollectorService:
    """Receivers around an `Ingest`. Build with the store open and migrated."""

    def __init__(
        self, settings: CollectorSettings, store: Store, verifier: Verifier, holds: Holds | None = None
    ) -> None:
        self.observations = Observations()
        self.ingest = Ingest(settings, store, self.observations, holds)
        app = http_app(
            self.ingest.intake,
            verifier,
            max_body=settings.max_body_bytes,
            max_decompressed=settings.max_decompressed_bytes,
            observe=self.observations,
        )
        add_operations(app, self.ingest, verifier)
        book = PriceBook.load(settings.prices_file)
        add_price_operations(app, store, book, verifier)
        if self.ingest.sealer is not None and self.ingest.repricing is not None:
            add_seal_operations(app, self.ingest.sealer, self.ingest.repricing, verifier)
        if self.ingest.retention is not None:
            add_retention_operations(app, store, self.ingest.retention, verifier)
        self._http = HttpServer(app, settings.host, settings.http_port)
        self._grpc = GrpcReceiver(
            self.ingest.intake,
            verifier,
            host=settings.host,
            port=settings.grpc_port,
            max_message=settings.max_decompressed_bytes,
            observe=self.observations,
        )
        self.http_port = settings.http_port
        self.grpc_port = settings.grpc_port
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when a port can't be had."""
        self.http_port = self._http.bind()
        self.grpc_port = await self._grpc.start()
        self.ingest.start()
        self._serving = asyncio.create_task(self._http.serve_bound())

    async def stop(self) -> None:
        """Answer what is under way, make it durable, finish the running inserts."""
        self._http.should_exit = True
        await self._grpc.stop()
        if self._serving is not None:
            await self._serving
        await asyncio.to_thread(self.ingest.stop)
        self.observations.close()
