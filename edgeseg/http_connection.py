"""The connection to a backend: requests, forms with images, and errors as our own classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import httpx

from edgeseg.errors import UnavailableError
from edgeseg.http_forms import UNNAMED, error_of, form_of
from edgeseg.settings import get_settings


class Connection:
    """Sends requests to one address; safe to use from several threads.

    ``api_key`` is sent with every request; left out, it is that of the settings, for their address
    alone. ``transport`` is any httpx transport, for tests.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 300.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        settings = get_settings()
        is_own = base_url in (None, settings.api_url)
        if api_key is None and settings.api_key is not None and is_own:
            api_key = settings.api_key.get_secret_value()
        self._http = httpx.Client(
            base_url=base_url or settings.api_url,
            headers={} if api_key is None else {"Authorization": f"Bearer {api_key}"},
            timeout=httpx.Timeout(timeout_s, connect=5.0),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post_image(
        self,
        path: str,
        data: bytes,
        fields: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send an image with the fields of a form; raises what `send` raises."""
        sent = dict(headers or {})
        file_name = fields.get("file_name") or UNNAMED
        if fields.get("idempotency_key") is not None:
            sent["Idempotency-Key"] = str(fields["idempotency_key"])
        apart = ("file_name", "idempotency_key")
        form = form_of({name: value for name, value in fields.items() if name not in apart})
        return self.send("POST", path, files={"image": (file_name, data)}, data=form, headers=sent)

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request; raises the error of the answer, or UnavailableError without one."""
        try:
            response = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise UnavailableError(
                f"The API at {self._http.base_url} does not answer ({type(error).__name__})."
            ) from error
        if response.is_error:
            raise error_of(response)
        return response
