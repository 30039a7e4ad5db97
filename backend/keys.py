"""Middleware that asks requests for a key, and the name of the key that a request brought."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.problems import refuse
from edgeseg.api_keys import name_of
from edgeseg.errors import EdgeSegError, KeyRejectedError, KeyRequiredError

# Probes, which tell nothing of tasks, and the documentation.
OPEN_PATHS = ("/livez", "/health", "/docs", "/openapi.json", "/static-offline-docs")
_owner: ContextVar[str] = ContextVar("edgeseg_owner", default="")


def owner() -> str:
    """Return the name of the key of the request that is being answered; empty without keys."""
    return _owner.get()


class RequireKey:
    """Refuses requests without a key (401) or with an unknown one (403).

    ``hashes`` are those of the keys by their names. A key comes as ``Authorization: Bearer KEY`` or
    ``X-API-Key: KEY`` or ``Token: KEY``, or as the password of Basic authentication;
    ``request.state.key_name`` is its name.
    """

    def __init__(self, app: ASGIApp, hashes: Mapping[str, str]) -> None:
        self.app = app
        self.hashes = hashes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            name = self._name(Headers(scope=scope))
        except EdgeSegError as error:
            await refuse(error, scope, receive, send)
            return
        scope.setdefault("state", {})["key_name"] = name
        token = _owner.set(name)
        try:
            await self.app(scope, receive, send)
        finally:
            _owner.reset(token)

    def _name(self, headers: Headers) -> str:
        key = key_in(headers)
        if key is None:
            raise KeyRequiredError(
                "The API asks for a key: send it as Authorization: Bearer KEY, or as X-API-Key."
            )
        name = name_of(key, self.hashes)
        if name is None:
            raise KeyRejectedError("The API does not know this key.")
        return name


def key_in(headers: Headers) -> str | None:
    """Return the key that the headers of a request hold, if any.

    Raises KeyRejectedError for several that differ.
    """
    # X-AnyLabeling sends its keys as Token, an empty one where it has none.
    named = [*headers.getlist("x-api-key"), *headers.getlist("token")]
    keys = {value.strip() for value in named}
    for value in headers.getlist("authorization"):
        scheme, _, credentials = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            keys.add(credentials.strip())
        elif scheme.lower() == "basic":
            keys.add(_password(credentials))
    keys.discard("")
    if len(keys) > 1:
        raise KeyRejectedError("The request brings several keys; send one.")
    return next(iter(keys), None)


def _password(credentials: str) -> str:
    """Return the password of Basic authentication, which tools send that know no other."""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _is_open(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in OPEN_PATHS)
