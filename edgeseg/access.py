"""Settings of who may use the servers, how much, and where images may come from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from edgeseg.api_keys import parse_entries
from edgeseg.environment import Names
from edgeseg.errors import InvalidParameterError
from edgeseg.hosts import is_loopback


class AccessSettings(BaseSettings):
    """The part of `Settings` that says where requests and their images may come from."""

    stack: str = Field(
        "",
        pattern=r"^[a-z0-9]{0,12}$",
        description="Tag of this stack, of up to 12 lower-case letters and digits, where several "
        "stand behind one gateway: ids of tasks begin with it, so that the gateway finds a task.",
    )
    max_connections: int = Field(
        2000,
        ge=1,
        description="Open connections of one API process; beyond, a client is refused: 503 "
        "too_many_connections.",
    )
    max_header_bytes: int = Field(
        32 * 1024,
        ge=1024,
        description="Maximum bytes in the headers of a request, its URL included.",
    )
    header_timeout_s: float = Field(
        10.0, gt=0, description="Seconds that a client may take to send the headers of a request."
    )
    body_timeout_s: float = Field(
        30.0,
        gt=0,
        description="Seconds that a client may take to send a body or to read an answer, and one "
        "more for each 16 KiB.",
    )
    upload_memory_bytes: int = Field(
        1024 * 1024,
        ge=1,
        description="Bytes of an upload that are kept in memory while it arrives; a larger one "
        "goes to a file in the folder for temporary files (TMPDIR).",
    )
    allowed_hosts: Names = Field(
        (),
        description="Names that clients reach the API, the UI and the pages of workers by, "
        "separated by commas, besides loopback names and IP addresses; `*.example.com` stands for "
        "all names below example.com.",
    )
    api_keys: Names = Field(
        (),
        description="Keys that requests to the API must bring, as NAME:HASH (`edgeseg keys new` "
        "makes them), separated by commas; without any, everybody may send requests.",
    )
    api_keys_file: Path | None = Field(
        None, description="File with more of them, one a line; read when the API starts."
    )
    api_key: SecretStr | None = Field(
        None, description="Key that the client, the command line and the UI send to the API."
    )
    key_requests_per_minute: int | None = Field(
        None, ge=1, description="Requests for tasks that one key may send a minute; unset: any."
    )
    key_bytes_per_minute: int | None = Field(
        None, ge=1, description="Bytes that the bodies of these may have a minute; unset: any."
    )
    key_waiting_tasks: int | None = Field(
        None, ge=1, description="Tasks of one key that may wait or run at once; unset: any."
    )
    label_studio_url: str | None = Field(
        None,
        description="Address of the Label Studio whose images are fetched for its predictions, as "
        "the API reaches it: http://localhost:8080.",
    )
    label_studio_token: SecretStr | None = Field(
        None, description="Access token of a user of that Label Studio, sent to it alone."
    )
    cors_origins: Names = Field(
        (),
        description="Origins whose pages may use the API from a browser "
        "(`https://labels.example.com`), separated by commas.",
    )

    fetch_urls: Literal["off", "hosts", "public"] = Field(
        "off",
        description="Whether requests to the API may name an image by its URL: `off`, `hosts` "
        "(those of EDGESEG_FETCH_HOSTS), `public` (these and every host with a public address).",
    )
    fetch_hosts: Names = Field(
        (),
        description="Hosts that images may be fetched from even where their address is private, "
        "HOST or HOST:PORT, separated by commas.",
    )
    fetch_timeout_s: float = Field(
        20.0, gt=0, description="Seconds that fetching one image may take, redirects included."
    )

    def key_hashes(self) -> dict[str, str]:
        """Return the hashes of the API's keys by their names; empty where it asks for none.

        Raises InvalidParameterError for an entry that cannot be used, or a file that cannot be
        read: an API that is meant to be closed is never open by mistake.
        """
        lines = list(self.api_keys)
        if self.api_keys_file is not None:
            try:
                lines += self.api_keys_file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeError) as error:
                raise InvalidParameterError(
                    f"EDGESEG_API_KEYS_FILE: {self.api_keys_file} cannot be read: {error}."
                ) from None
        hashes = parse_entries(lines)
        if not hashes and (lines or self.api_keys_file is not None):
            raise InvalidParameterError("EDGESEG_API_KEYS and its file hold no key.")
        return hashes

    def open_warning(self, api_host: str) -> str | None:
        """Return a warning where other machines reach an API that asks for no key, else None."""
        if is_loopback(api_host) or self.key_hashes():
            return None
        return (
            f"The API listens on {api_host} and asks for no key: whoever reaches it may use it. "
            "Make one with `edgeseg keys new NAME`, and set EDGESEG_API_KEYS."
        )
