"""Settings of what the API takes in from elsewhere: images by their URL."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from edgeseg.environment import Names


class AccessSettings(BaseSettings):
    """The part of `Settings` that says where requests and their images may come from."""

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
