"""Settings come from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from edgeseg.engines import registry
from edgeseg.errors import InvalidParameterError
from edgeseg.settings import FAMILIES, Settings, read_settings


def test_a_family_serves_every_role_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_ENGINES", "fake")
    monkeypatch.setenv("EDGESEG_DETECT_ENGINE", "nano")
    settings = Settings()
    assert settings.engine_for("simplify") == "fake"
    assert settings.engine_for("detect") == "nano"
    assert settings.engine_for("ground") is None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_named_family_has_an_engine_for_each_role(family: str) -> None:
    settings = Settings(engines=family)
    for role in ("simplify", "detect", "segment"):
        assert registry.find(role, str(settings.engine_for(role))).role == role
    assert Settings(engines=family, detect_engine="nano").engine_for("detect") == "nano"


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "redis://localhost:6379/0"),
        ({"REDIS_HOST": "redis", "REDIS_PORT": "6380"}, "redis://redis:6380/0"),
        ({"REDIS_HOST": "redis", "REDIS_PORT": "tcp://10.0.0.1:6380"}, "redis://redis:6380/0"),
        ({"EDGESEG_REDIS_HOST": "a", "REDIS_HOST": "b"}, "redis://a:6379/0"),
        ({"REDIS_PASSWORD": "secret"}, "redis://:secret@localhost:6379/0"),
        ({"EDGESEG_REDIS_URL": "redis://x:1/2", "REDIS_HOST": "b"}, "redis://x:1/2"),
    ],
)
def test_where_redis_is(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings().redis_dsn() == url


def test_passwords_stay_out_of_logs() -> None:
    settings = Settings(redis_password="secret", redis_url="redis://:secret@h:1/0")
    assert "secret" not in repr(settings)


def test_a_wrong_value_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_TTL", "-2")
    with pytest.raises(ValidationError, match="ttl"):
        Settings()


def test_what_cannot_be_used_is_named_as_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_API_PORT", "many")
    monkeypatch.setenv("EDGESEG_REDIS_PORT", "0")
    with pytest.raises(InvalidParameterError) as caught:
        read_settings()
    assert "EDGESEG_API_PORT: Input should be a valid integer" in caught.value.detail
    assert "EDGESEG_REDIS_PORT: Input should be greater" in caught.value.detail


def test_an_env_file_is_read_and_the_environment_goes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("EDGESEG_API_PORT=9001\nEDGESEG_UI_PORT=9002\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGESEG_UI_PORT", "9003")
    settings = Settings()
    assert (settings.api_port, settings.ui_port) == (9001, 9003)
