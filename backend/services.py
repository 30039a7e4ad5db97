"""What every route works with: settings, the task store, the queues, the watch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, cast

import anyio
from anyio import CapacityLimiter
from fastapi import Depends, Request

from backend.admission import Admission
from backend.fetch import Fetcher
from backend.quotas import Quotas
from backend.telemetry import Telemetry
from edgeseg.settings import Settings
from edgeseg.tasks import TaskChain, TaskStore, TaskWatch, connect, connect_async

DECODERS = 4
# Submitting is Python's own work: with more threads the event loop would wait for its turn.
SUBMITTERS = 2


@dataclass
class Services:
    """One per application; limiters bound how many threads or processes do so at once."""

    settings: Settings
    store: TaskStore
    chain: TaskChain
    watch: TaskWatch
    telemetry: Telemetry
    admission: Admission
    exporters: CapacityLimiter
    fetcher: Fetcher
    quotas: Quotas
    decoders: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(DECODERS))
    submitters: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(SUBMITTERS))
    # Requests whose images are all in memory, as long as they are checked and submitted.
    batches: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    # JSON documents that are in memory, as long as they are read.
    documents: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))


@asynccontextmanager
async def open_services(settings: Settings, telemetry: Telemetry) -> AsyncIterator[Services]:
    """Connect to Redis, which may be away: then requests answer 503 until it is back."""
    connection = connect(settings)
    store = TaskStore(connection, settings.task_ttl_s)
    chain = TaskChain(connection, store, settings)
    async with TaskWatch(connect_async(settings)) as watch:
        admission = Admission(watch.queues, settings)
        exporters = CapacityLimiter(settings.export_processes)
        yield Services(
            settings=settings,
            store=store,
            chain=chain,
            watch=watch,
            telemetry=telemetry,
            admission=admission,
            exporters=exporters,
            fetcher=Fetcher(settings),
            quotas=Quotas(watch.connection, settings),
        )
    await anyio.to_thread.run_sync(connection.close)


async def get_services(request: Request) -> Services:
    """Return the services of the application that serves this request.

    Not for want of anything to await: what is not a coroutine is called in another thread.
    """
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(get_services)]
