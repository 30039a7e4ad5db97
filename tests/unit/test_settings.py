"""Settings come from the environment."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from edgeseg import environment
from edgeseg.engines import registry
from edgeseg.errors import InvalidParameterError
from edgeseg.roles import FAMILIES
from edgeseg.settings import Settings, read_settings
from edgeseg.stack.processes import as_environment


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
    ("variables", "url"),
    [
        ({}, "redis://localhost:6379/0"),
        ({"REDIS_HOST": "redis", "REDIS_PORT": "6380"}, "redis://redis:6380/0"),
        ({"REDIS_HOST": "redis", "REDIS_PORT": "tcp://10.0.0.1:6380"}, "redis://redis:6380/0"),
        ({"EDGESEG_REDIS_HOST": "a", "REDIS_HOST": "b"}, "redis://a:6379/0"),
        ({"REDIS_PASSWORD": "secret"}, "redis://:secret@localhost:6379/0"),
        (
            {"REDIS_PASSWORD": "a/b#c?[d]%41@:"},
            "redis://:a%2Fb%23c%3F%5Bd%5D%2541%40%3A@localhost:6379/0",
        ),
        ({"REDIS_HOST": "::1"}, "redis://[::1]:6379/0"),
        ({"EDGESEG_REDIS_URL": "redis://x:1/2", "REDIS_HOST": "b"}, "redis://x:1/2"),
    ],
)
def test_where_redis_is(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str
) -> None:
    for name, value in variables.items():
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


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2/x@host:6379/0",
        "redis://:hunter2#x@host:6379/0",
        "redis://:hunter2?x@host:6379/0",
        "redis://:hunter2[x@host:6379/0",
        "redis://:hunter2]x@host:6379/0",
        "redis://:hunter2@host:port/0",
        "redis://:hunter2@host:99999/0",
        "redis://:hunter2@/0",
        "http://:hunter2@host/0",
        "hunter2",
    ],
)
def test_a_malformed_redis_url_is_one_sentence_that_shows_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("EDGESEG_REDIS_URL", url)
    with pytest.raises(InvalidParameterError) as caught:
        read_settings()
    assert caught.value.detail.startswith("EDGESEG_REDIS_URL: ")
    assert "hunter2" not in caught.value.detail


@pytest.mark.parametrize("url", ["rediss://u:p%2F@h:1/2", "unix:///tmp/a.sock?db=0", "redis://h"])
def test_usual_redis_urls_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("EDGESEG_REDIS_URL", url)
    assert read_settings().redis_dsn() == url


@pytest.mark.parametrize(
    ("name", "value"),
    [("EDGESEG_WEIGHTS", "{'sam': hunter2"), ("EDGESEG_LLM_TIMEOUT_S", "hunter2")],
)
def test_an_unreadable_value_is_one_sentence_without_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidParameterError, match=name) as caught:
        read_settings()
    assert "hunter2" not in caught.value.detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_a_file_of_settings_is_read_in_whatever_its_editor_wrote(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str
) -> None:
    text = "OTHER_PROJECT=caf\u00e9\nEDGESEG_DETECT_ENGINE=fake\n"
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else b""
    (tmp_path / ".env").write_bytes(mark + text.encode(encoding))
    monkeypatch.chdir(tmp_path)
    assert read_settings().detect_engine == "fake"


def test_a_file_of_settings_that_is_no_text_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(bytes(range(256)) * 4)
    monkeypatch.chdir(tmp_path)
    assert read_settings() == Settings(_env_file=None)


def _other(name: str, field: FieldInfo) -> Any:
    """A value that is not the default, of the field's type."""
    default = field.get_default(call_default_factory=True)
    special = {
        "redis_url": "redis://:p%2F@h:1/2",
        "redis_maxmemory": "256mb",
        "device": "cuda:1",
        "dtype": "float16",
        "mask_threshold": 0.25,
        "edge_sam_input_px": 512,
        "edge_sam_click_box": "best",
        "encoder_runtime": "openvino",
        "fetch_urls": "hosts",
        "api_keys": ["ann:" + "0" * 64, "bea:" + "1" * 64],
        "log_format": "json",
        "stack": "eu1",
        "log_level": "DEBUG",
        "weights": {"sam-vit-base": '/models/it\'s "mine" \u732b.pth'},
    }
    if name in special:
        return special[name]
    if isinstance(default, bool):
        return not default
    if isinstance(default, int | float):
        return default + 1
    kinds = str(field.annotation)
    if "int" in kinds or "float" in kinds:
        return 7
    if isinstance(default, Path) or "Path" in kinds:
        return Path("/tmp/with spaces")
    if "list" in kinds or "tuple" in kinds or "set" in kinds:
        return ["one", "two"]
    return "a/b#c?[d]%41 = 'x'"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_reaches_a_child_process_as_it_is(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given = Settings.model_validate({name: _other(name, Settings.model_fields[name])})
    for variable, value in as_environment(given).items():
        monkeypatch.setenv(variable, value)
    assert getattr(Settings(), name) == getattr(given, name)


def test_names_are_a_list_with_commas_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("fake, sam2.1-tiny,", '["fake", "sam2.1-tiny"]'):
        monkeypatch.setenv("EDGESEG_ALLOWED_ENGINES", text)
        assert Settings().allowed_engines == ("fake", "sam2.1-tiny")
    assert Settings(engines="full").engine_names() == [
        "nano",
        "grounding-dino-tiny",
        "sam2.1-small",
        "fake",
        "sam2.1-tiny",
    ]
    monkeypatch.setenv("EDGESEG_ALLOWED_ENGINES", "[")
    with pytest.raises(InvalidParameterError, match="ALLOWED_ENGINES"):
        read_settings()


@pytest.mark.parametrize(("switch", "runtime"), [("1", "openvino"), ("False", "torch")])
def test_the_old_switch_of_openvino_still_works(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, switch: str, runtime: str
) -> None:
    environment.warn_once.cache_clear()
    monkeypatch.setenv("EDGESEG_OPENVINO", switch)
    assert [Settings().encoder_runtime for _ in range(2)] == [runtime] * 2
    (line,) = caplog.messages
    assert "EDGESEG_ENCODER_RUNTIME=openvino" in line
    monkeypatch.setenv("EDGESEG_ENCODER_RUNTIME", "torch")
    assert Settings().encoder_runtime == "torch"
