"""Admission: whether a request for a task may begin, decided before its body is read."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.problems import refuse
from backend.turns import Turns
from edgeseg.errors import EdgeSegError, QueueFullError, QueueUnavailableError
from edgeseg.settings import Role, Settings
from edgeseg.tasks import QUEUE_NAMES, QUEUES, QueueMonitor, QueuesView

# This share of Redis' memory is left to the tasks that it has: their results, and RQ's jobs.
RESERVED_SHARE = 0.1
# A view of the queues so old decides all the same: what this process admitted since is counted.
MAX_VIEW_AGE_S = 0.05
# Routes whose tasks use some of the queues only.
_STAGE_OF: dict[str, Role] = {
    "simplify": "simplify",
    "refine": "segment",
    "masks": "segment",
    "classes": "classify",
}


@dataclass(eq=False)
class Reservation:
    """The place of one request; ``submitted_at`` is when its task was queued, on our clock.

    ``outage`` is why the queues could not be read when it was admitted.
    """

    size_bytes: float
    submitted_at: float | None = None
    outage: QueueUnavailableError | None = None


class Admission:
    """Bounds the requests of this process, the tasks that wait, their bytes, and Redis' memory.

    What this process has admitted and Redis does not show yet counts as waiting.
    """

    def __init__(self, queues: QueueMonitor, settings: Settings) -> None:
        self._queues = queues
        self._settings = settings
        self._in_progress = 0
        self._turns = Turns()
        self._pending: set[Reservation] = set()

    @asynccontextmanager
    async def admit(self, names: Collection[str], body_bytes: int) -> AsyncIterator[Reservation]:
        """Hold a place for a request as long as it is in progress.

        Raises:
            QueueFullError: there is none: too many are in progress or wait, or Redis has no room.
        """
        limit = self._settings.max_concurrent_requests
        if self._in_progress >= limit:
            detail = f"{limit} requests are in progress, and no more may be; try again later."
            raise QueueFullError(detail, in_progress=limit, limit=limit)
        reservation = Reservation(body_bytes)
        self._in_progress += 1
        try:
            await self._reserve(reservation, names)
            # Those who were admitted together read their bodies one after the other.
            await self._turns.wait()
            yield reservation
        finally:
            self._in_progress -= 1
            if reservation.submitted_at is None:
                self._pending.discard(reservation)

    async def _reserve(self, reservation: Reservation, names: Collection[str]) -> None:
        """Take a place, by a recent view of the queues; nobody is refused but by one of now."""
        try:
            try:
                self._take(reservation, names, await self._queues.read(MAX_VIEW_AGE_S))
            except QueueFullError:
                self._take(reservation, names, await self._queues.read())
        except QueueUnavailableError as error:
            # Told when the task is submitted: what is wrong with the request itself goes first.
            reservation.outage = error

    def _take(self, reservation: Reservation, names: Collection[str], view: QueuesView) -> None:
        shown = {each for each in self._pending if is_shown(each, view)}
        self._pending -= shown
        waiting = sum(view.queues[name].waiting for name in names) + len(self._pending)
        max_waiting = self._settings.max_waiting_tasks
        if waiting >= max_waiting:
            detail = f"{waiting} tasks wait already, and no more than {max_waiting} may."
            raise QueueFullError(detail, waiting=waiting, limit=max_waiting)
        self._require_bytes(view, reservation.size_bytes)
        self._pending.add(reservation)

    def _require_bytes(self, view: QueuesView, size_bytes: float) -> None:
        pending = sum(each.size_bytes for each in self._pending)
        waiting, limit = view.waiting_bytes + pending, self._settings.max_waiting_bytes
        if waiting and waiting + size_bytes > limit:
            detail = f"Images of {waiting:.0f} bytes wait already, and no more than {limit} may."
            raise QueueFullError(detail, waiting_bytes=round(waiting), limit_bytes=limit)
        usable = view.max_bytes * (1 - RESERVED_SHARE)
        if view.max_bytes and view.used_bytes + pending + size_bytes > usable:
            raise QueueFullError("Redis has no room for another task; try again later.")

    async def grow(self, reservation: Reservation, size_bytes: float) -> None:
        """Hold more room for a request, whose images came by URL and were not announced.

        Raises:
            QueueFullError: there is none.
        """
        if size_bytes <= reservation.size_bytes:
            return
        try:
            view = await self._queues.read(MAX_VIEW_AGE_S)
        except QueueUnavailableError as error:
            reservation.outage = error
            return
        self._pending.discard(reservation)
        self._require_bytes(view, size_bytes)
        reservation.size_bytes = size_bytes
        self._pending.add(reservation)

    def require_memory(self, view: QueuesView) -> None:
        """Raise QueueFullError while Redis is so full that its tasks cannot go on."""
        if view.max_bytes and view.used_bytes > view.max_bytes:
            raise QueueFullError("Redis is full; the task goes on when there is room again.")


def is_shown(reservation: Reservation, view: QueuesView) -> bool:
    """Whether a reading of the queues began after the task of a reservation was queued."""
    at = reservation.submitted_at
    return at is not None and at < view.started_at


class AdmittedRoute(APIRoute):
    """A route whose requests are admitted before their bodies are read."""

    @property
    def queues(self) -> tuple[str, ...]:
        """Return the names of the queues that its tasks use."""
        stage = _STAGE_OF.get(self.name)
        return QUEUE_NAMES if stage is None else (QUEUES[stage],)


class Admit:
    """Middleware that admits the requests of `AdmittedRoute`s among the routes of ``routers``.

    It stands before the framework finds the route, reads forms, and solves dependencies, so that a
    crowd is refused in a fraction of the time. ``request.state.reservation`` is the place of a
    request that was admitted.
    """

    def __init__(self, app: ASGIApp, routers: Iterable[APIRouter]) -> None:
        self.app = app
        routes = [each for router in routers for each in router.routes]
        admitted = [each for each in routes if isinstance(each, AdmittedRoute)]
        self._plain = {
            (method, each.path): each for each in admitted for method in each.methods or ()
        }
        self._with_parameters = [each for each in admitted if each.param_convertors]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None:
            await self.app(scope, receive, send)
            return
        services = scope["app"].state.services
        request = Request(scope)
        async with AsyncExitStack() as stack:
            try:
                body_bytes = announced_bytes(request)
                await services.quotas.take_request()
                await services.quotas.take_bytes(body_bytes)
                place = services.admission.admit(route.queues, body_bytes)
                request.state.reservation = await stack.enter_async_context(place)
            except EdgeSegError as error:
                scope["route"] = route
                await refuse(error, scope, receive, send)
                return
            await self.app(scope, receive, send)

    def _route(self, scope: Scope) -> AdmittedRoute | None:
        plain = self._plain.get((scope["method"], scope["path"]))
        if plain is not None or scope["method"] != "POST":
            return plain
        matching = (each for each in self._with_parameters if each.path_regex.match(scope["path"]))
        return next(matching, None)


def require_queues(request: Request) -> None:
    """Raise QueueUnavailableError if Redis did not answer when the request was admitted."""
    outage = request.state.reservation.outage
    if outage is not None:
        raise outage


def announced_bytes(request: Request) -> int:
    """Return how long the body of a request is, as its headers say; 0 where they do not."""
    announced = request.headers.get("content-length", "")
    return int(announced) if announced.isascii() and announced.isdigit() else 0


async def reserve(request: Request, body_bytes: int) -> None:
    """Hold room for the images of a request, if they are larger than its body was.

    Raises QueueFullError without room, and RateLimitedError.
    """
    services = request.app.state.services
    await services.quotas.take_bytes(max(0, body_bytes - announced_bytes(request)))
    await services.admission.grow(request.state.reservation, body_bytes)


def note_submitted(request: Request) -> None:
    """Note that the task of a request is in Redis now."""
    request.state.reservation.submitted_at = time.monotonic()
