"""Keys are random, kept as hashes, and never taken for what they are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgeseg.api_keys import entry_of, hash_of, name_of, new_key, parse_entries
from edgeseg.cli import keys
from edgeseg.cli.app import app
from edgeseg.client import EdgeSegClient
from edgeseg.errors import InvalidParameterError
from edgeseg.hosts import is_loopback
from edgeseg.settings import Settings, get_settings


def test_a_key_has_the_name_of_its_entry() -> None:
    ann, bea = new_key(), new_key()
    assert ann != bea
    assert len(ann) >= 43
    hashes = parse_entries([entry_of("ann", ann), "", "# a comment", f" {entry_of('bea', bea)} #"])
    assert [name_of(key, hashes) for key in (ann, bea)] == ["ann", "bea"]
    for other in ("", ann[:-1], ann.upper(), hashes["ann"], "\ud800"):
        assert name_of(other, hashes) is None
    assert ann not in entry_of("ann", ann)


@pytest.mark.parametrize(
    "entry", ["ann", "ann:", ":" + "0" * 64, "a b:" + "0" * 64, "ann:xyz", "ann:" + "0" * 63]
)
def test_an_entry_that_is_none_is_refused_without_being_shown(entry: str) -> None:
    with pytest.raises(InvalidParameterError, match="API key 2") as caught:
        parse_entries(["# first", entry])
    assert "000" not in str(caught.value)


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="twice"):
        parse_entries([entry_of("ann", "1"), entry_of("ann", "2")])


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", "-a", "a" * 65])
def test_a_name_that_logs_could_not_hold_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameterError):
        entry_of(name, "key")


def test_the_command_adds_to_the_file_that_the_api_reads(tmp_path: Path) -> None:
    assert keys.keys_app.info.no_args_is_help
    file = tmp_path / "keys.txt"
    made = {}
    for name in ("ann", "bea"):
        printed = CliRunner().invoke(app, ["keys", "new", name, "--file", str(file)]).output
        made[name] = printed.split()[1]
        assert made[name] not in file.read_text()
    hashes = Settings(api_keys_file=file).key_hashes()
    assert hashes == {name: hash_of(key) for name, key in made.items()}
    assert file.stat().st_mode & 0o077 == 0
    again = CliRunner().invoke(app, ["keys", "new", "ann", "--file", str(file)])
    assert isinstance(again.exception, InvalidParameterError)


def test_a_file_that_holds_no_key_does_not_open_the_api(tmp_path: Path) -> None:
    assert Settings().key_hashes() == {}
    file = tmp_path / "keys.txt"
    with pytest.raises(InvalidParameterError, match="cannot be read"):
        Settings(api_keys_file=file).key_hashes()
    file.write_text("# none yet\n")
    with pytest.raises(InvalidParameterError, match="hold no key"):
        Settings(api_keys_file=file).key_hashes()


def test_an_open_api_is_warned_about_beyond_loopback() -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        assert is_loopback(host)
        assert Settings().open_warning(host) is None
    closed = Settings.model_validate({"api_keys": [entry_of("ann", "1")]})
    for host in ("0.0.0.0", "::", "192.168.1.5", "segment.example.com"):
        assert "keys new" in (Settings().open_warning(host) or "")
        assert closed.open_warning(host) is None


def test_the_key_of_the_settings_goes_to_their_address_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGESEG_API_KEY", "secret")
    monkeypatch.setenv("EDGESEG_API_URL", "http://127.0.0.1:9")
    get_settings.cache_clear()
    try:
        sent = [
            EdgeSegClient(url)._http.headers.get("authorization")
            for url in (None, "http://127.0.0.1:9", "http://other.example")
        ]
    finally:
        get_settings.cache_clear()
    assert sent == ["Bearer secret", "Bearer secret", None]
