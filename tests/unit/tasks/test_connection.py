"""The password of Redis from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from edgeseg.settings import Settings
from edgeseg.tasks.connection import PasswordFile, connect, connect_async


def test_the_file_is_read_anew_for_each_connection(tmp_path: Path) -> None:
    path = tmp_path / "password"
    credentials = PasswordFile(path)
    with pytest.raises(redis.ConnectionError, match="cannot be read"):
        credentials.get_credentials()
    path.write_text("first\n")
    assert credentials.get_credentials() == ("first",)
    path.write_text("second\n")
    assert credentials.get_credentials() == ("second",)


def test_a_file_goes_before_a_password_and_a_url_before_both(tmp_path: Path) -> None:
    path = tmp_path / "password"
    settings = Settings(redis_password_file=path, redis_password="other")
    assert "other" not in settings.redis_dsn()
    for connection in (connect(settings), connect_async(settings)):
        provider = connection.connection_pool.connection_kwargs["credential_provider"]
        assert provider == PasswordFile(path)
    with_url = connect(Settings(redis_password_file=path, redis_url="redis://:own@h:1/0"))
    assert "credential_provider" not in with_url.connection_pool.connection_kwargs
