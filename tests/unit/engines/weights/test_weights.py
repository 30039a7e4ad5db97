"""Weights come whole and checked, from the hub, a mirror or a folder, or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from edgeseg.cli import COMMANDS, engines
from edgeseg.cli.app import app
from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.weights.sources import (
    UNPINNED,
    HubRepo,
    OwnFile,
    WebFile,
    WebFolder,
    source_of,
)
from edgeseg.engines.weights.store import MANIFEST, WeightStore
from edgeseg.errors import EngineUnavailableError, InvalidParameterError
from edgeseg.settings import get_settings
from tests.unit.engines.weights.hub import COMMIT, Hub, serving

REPO = HubRepo("owner/model", COMMIT)
TENSORS = bytes(range(256)) * 4096


@pytest.fixture(autouse=True)
def shared_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared cache of the hub's library, empty: never that of whoever runs the tests."""
    folder = tmp_path / "huggingface" / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "huggingface" / "token"))
    return folder


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {
        "config.json": b'{"a": 1}\n',
        "model.safetensors": TENSORS,
        "pytorch_model.bin": b"a pickle",
        "modeling.py": b"code",
        "onnx/model.json": b"of another framework",
    }
    with serving(Hub(files)) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, hub: Hub) -> WeightStore:
    return WeightStore(tmp_path / "store", hub_url=hub.url)


def test_a_repository_arrives_without_pickles_and_code(store: WeightStore, hub: Hub) -> None:
    assert store.find(REPO) is None
    folder = store.need(REPO)
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        MANIFEST,
        "model.safetensors",
    ]
    assert (folder / "model.safetensors").read_bytes() == TENSORS
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["revision"] == COMMIT
    asked = len(hub.asked)
    assert store.need(REPO) == folder
    assert len(hub.asked) == asked, "what is here is not asked for again"


def test_without_a_terminal_the_log_says_how_far_it_is(
    store: WeightStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "edgeseg"):
        store.need(REPO)
    lines = [each.message for each in caplog.records if "model.safetensors:" in each.message]
    assert "0%" in lines[0]
    assert "100%" in lines[-1]


def test_a_branch_is_kept_at_the_commit_that_it_had(store: WeightStore, hub: Hub) -> None:
    folder = store.need(HubRepo("owner/model"))
    assert json.loads((folder / MANIFEST).read_text())["revision"] == COMMIT
    assert all(f"/resolve/{COMMIT}/" in each.path for each in hub.asked[1:])


def test_nothing_is_downloaded_at_a_commit_that_nobody_chose(store: WeightStore, hub: Hub) -> None:
    with pytest.raises(EngineUnavailableError, match=r"owner/model/commits/.*model@COMMIT"):
        store.need(HubRepo("owner/model", UNPINNED))
    assert not hub.asked


def test_a_download_that_breaks_off_goes_on_where_it_ended(store: WeightStore, hub: Hub) -> None:
    # huggingface_hub goes on at a whole block of 10 MiB.
    block = constants.DOWNLOAD_CHUNK_SIZE
    hub.files["model.safetensors"] = content = TENSORS * (block // len(TENSORS) + 2)
    hub.break_after = block + 1000
    folder = store.need(REPO)
    assert (folder / "model.safetensors").read_bytes() == content
    ranges = [each.range for each in hub.downloads() if each.path.endswith(".safetensors")]
    assert ranges == [None, f"bytes={block}-"]


def test_a_single_file_that_breaks_off_goes_on_where_it_ended(store: WeightStore, hub: Hub) -> None:
    hub.break_after = 300_000
    source = WebFile(f"{hub.url}/model.safetensors", hashlib.sha256(TENSORS).hexdigest())
    assert store.need(source).read_bytes() == TENSORS
    assert [each.range for each in hub.asked] == [None, "bytes=300000-"]


def test_half_a_download_is_not_loaded(store: WeightStore, hub: Hub) -> None:
    hub.files["tokenizer.json"] = b"{}"
    hub.damaged["tokenizer.json"] = b"[]"
    with pytest.raises(EngineUnavailableError, match="checksum"):
        store.need(REPO)
    assert store.find(REPO) is None
    hub.damaged.clear()
    folder = store.need(REPO)
    assert [each.name for each in store.root.glob("*.partial")] == []
    fetched = [each.path.rpartition("/")[2] for each in hub.downloads()]
    assert fetched.count("model.safetensors") == 1, "what is whole is not fetched again"
    (folder / "model.safetensors").write_bytes(TENSORS[:1000])
    assert store.find(REPO) is None, "a file that was cut later is noticed by its size"
    assert store.need(REPO) == folder
    assert (folder / "model.safetensors").read_bytes() == TENSORS


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_content_with_a_wrong_checksum_is_deleted(store: WeightStore, hub: Hub, name: str) -> None:
    hub.damaged[name] = bytes(len(hub.files[name]))
    with pytest.raises(EngineUnavailableError, match="checksum"):
        store.need(REPO)
    assert store.find(REPO) is None
    hub.damaged.clear()
    assert (store.need(REPO) / name).read_bytes() == hub.files[name]


def test_offline_and_missing_is_one_sentence_that_helps(store: WeightStore, hub: Hub) -> None:
    offline = dataclasses.replace(store, offline=True)
    with pytest.raises(EngineUnavailableError) as caught:
        offline.need(REPO)
    for part in ("owner/model", COMMIT, "*.safetensors", str(store.root / REPO.folder)):
        assert part in caught.value.detail
    assert not hub.asked
    folder = store.root / REPO.folder
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(TENSORS)
    assert offline.need(REPO) == folder, "what was put there by hand is taken"


def test_a_hub_that_is_away_says_what_to_fetch(tmp_path: Path) -> None:
    away = WeightStore(tmp_path, hub_url="http://127.0.0.1:1")
    with pytest.raises(EngineUnavailableError, match=r"cannot be reached.*Fetch"):
        away.need(REPO)


def test_a_gated_repository_names_the_licence_and_what_does_without(
    store: WeightStore, hub: Hub
) -> None:
    hub.token = "secret"
    gated = dataclasses.replace(REPO, gated=True, instead="another engine")
    with pytest.raises(EngineUnavailableError, match=r"hf auth login.*HF_TOKEN.*another engine"):
        store.need(gated)
    assert dataclasses.replace(store, token="secret").need(gated).is_dir()


def test_the_token_goes_to_the_hub_alone(store: WeightStore, hub: Hub) -> None:
    known = dataclasses.replace(store, token="secret", hub_url="http://localhost:1")
    other = WebFile(f"{hub.url}/model.safetensors", hashlib.sha256(TENSORS).hexdigest())
    assert known.need(other).read_bytes() == TENSORS
    assert [each.authorization for each in hub.asked] == [None]


def test_a_file_is_checked_by_its_sum(store: WeightStore, hub: Hub) -> None:
    right = WebFile(f"{hub.url}/model.safetensors", hashlib.sha256(TENSORS).hexdigest())
    assert store.need(right).read_bytes() == TENSORS
    wrong = WebFile(f"{hub.url}/model.safetensors", "0" * 64)
    with pytest.raises(EngineUnavailableError, match="checksum"):
        store.need(wrong)
    with pytest.raises(EngineUnavailableError, match="answered 404"):
        store.need(WebFile(f"{hub.url}/nothing.pt", "0" * 64))


def test_files_of_the_hub_come_from_its_mirror(store: WeightStore, hub: Hub) -> None:
    url = "https://huggingface.co/owner/model/resolve/main/model.safetensors"
    source = WebFile(url, hashlib.sha256(TENSORS).hexdigest())
    assert store.need(source).read_bytes() == TENSORS
    assert hub.asked[0].path == "/owner/model/resolve/main/model.safetensors"


def test_files_of_one_folder_come_together_or_not_at_all(store: WeightStore, hub: Hub) -> None:
    hub.files |= {"net.bin": TENSORS, "net.param": b"layers"}
    sums = tuple(
        (name, hashlib.sha256(hub.files[name]).hexdigest()) for name in ("net.bin", "net.param")
    )
    source = WebFolder("http://127.0.0.1:1/away/", sums)
    with pytest.raises(EngineUnavailableError, match=rf"Fetch net\.bin .*{sums[1][1]}.* of http"):
        dataclasses.replace(store, offline=True).need(source)
    mirrored = dataclasses.replace(store, overrides={"net": f"{hub.url}/mirror/"})
    mirror = mirrored.chosen("net", source)
    assert mirror == WebFolder(f"{hub.url}/mirror/", sums), "the sums are those of the usual place"
    hub.damaged["net.param"] = b"others"
    with pytest.raises(EngineUnavailableError, match="checksum"):
        mirrored.need(mirror)
    assert mirrored.find(mirror) is None
    hub.damaged.clear()
    folder = mirrored.need(mirror)
    assert {path.name for path in folder.iterdir()} == {"net.bin", "net.param", MANIFEST}
    assert (folder / "net.param").read_bytes() == b"layers"
    assert store.need(source) == folder, "wherever they came from"
    assert [each.path for each in hub.asked].count("/mirror/net.bin") == 1
    (folder / "net.bin").write_bytes(b"")
    assert store.find(source) is None


def test_a_person_chooses_weights(tmp_path: Path) -> None:
    assert source_of(str(tmp_path)) == tmp_path
    assert source_of("owner/model") == HubRepo("owner/model")
    assert source_of("owner/model@abc") == HubRepo("owner/model", "abc")
    url = "https://example.org/a.pt"
    assert source_of(f"{url}#sha256={'a' * 64}") == WebFile(url, "a" * 64)
    for wrong in ("/no/such/folder", "model", url, f"{url}#sha256=abc", "a/b/c"):
        with pytest.raises(InvalidParameterError):
            source_of(wrong)


@pytest.fixture
def spare(monkeypatch: pytest.MonkeyPatch) -> registry.Entry:
    """A fake engine whose weights come from the hub, gone after the test."""
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    entry = dataclasses.replace(registry.find("detect", "fake"), name="spare", sources=(REPO,))
    registry.register(entry)
    return entry


def test_pull_and_first_use_fetch_the_same_once(
    spare: registry.Entry, store: WeightStore, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEG_WEIGHTS_DIR", str(store.root))
    monkeypatch.setenv("EDGESEG_HUB_URL", hub.url)
    get_settings.cache_clear()
    assert engines.__name__.removeprefix("edgeseg.cli.") in COMMANDS
    before = next(row for row in registry.describe(get_settings()) if row.name == "spare")
    assert not before.available
    assert "edgeseg engines pull spare" in before.missing
    done = CliRunner().invoke(app, ["engines", "pull", "spare"])
    assert done.exit_code == 0, done.output
    assert str(store.root / REPO.folder) in done.output
    after = next(row for row in registry.describe(get_settings()) if row.name == "spare")
    assert after.available
    assert after.weights == "https://huggingface.co/owner/model"
    hub.is_down = True
    assert registry.load("detect", "spare").name == "fake"


def test_the_engine_is_named_when_its_weights_cannot_be_had(
    spare: registry.Entry, tmp_path: Path
) -> None:
    options = EngineOptions(store=WeightStore(tmp_path, offline=True))
    with pytest.raises(EngineUnavailableError, match="'spare' cannot detect here") as caught:
        registry.load("detect", "spare", options)
    assert caught.value.extra == {"role": "detect", "name": "spare"}


def test_weights_of_ones_own_take_the_place_of_the_usual_ones(
    spare: registry.Entry, tmp_path: Path
) -> None:
    store = WeightStore(tmp_path, offline=True, overrides={"spare": str(tmp_path)})
    assert registry.fetch(spare, store) == (tmp_path,)
    assert spare.origin(store) == str(tmp_path)


def test_weights_that_are_published_nowhere_are_asked_for_and_never_downloaded(
    store: WeightStore, hub: Hub, tmp_path: Path
) -> None:
    own = OwnFile("own.pth", "docs/own.md")
    before = len(hub.asked)
    with pytest.raises(EngineUnavailableError, match=r"trained as docs/own\.md says"):
        store.need(own)
    assert len(hub.asked) == before
    entry = registry.Entry("own", "classify", "none:none", "", sources=(own,))
    assert '{"own": "PATH"}' in entry.missing(store)
    assert "pull" not in entry.missing(store)
    (store.root / "own").mkdir(parents=True)
    (store.root / "own" / "own.pth").write_bytes(b"tensors")
    assert store.need(own).read_bytes() == b"tensors"
    assert not entry.missing(store)


def test_other_files_of_a_repository_are_other_weights(store: WeightStore, hub: Hub) -> None:
    hub.files |= {"a.pth": b"a" * 9, "b.pth": b"b" * 9}
    first, second = (HubRepo("owner/model", COMMIT, files=(name,)) for name in ("a.pth", "b.pth"))
    assert (store.need(first) / "a.pth").read_bytes() == b"a" * 9
    assert store.find(second) is None
    assert (store.need(second) / "b.pth").is_file()
    assert (store.need(first) / "a.pth").is_file()


def test_credentials_of_a_url_are_not_shown(store: WeightStore, hub: Hub) -> None:
    address = hub.url.replace("://", "://user:hunter2@")
    wrong = WebFile(f"{address}/model.safetensors?token=hunter2", "0" * 64)
    with pytest.raises(EngineUnavailableError) as caught:
        store.need(wrong)
    offline = dataclasses.replace(store, offline=True)
    with pytest.raises(EngineUnavailableError) as advised:
        offline.need(WebFile(f"{address}/other.safetensors", "0" * 64))
    with pytest.raises(InvalidParameterError) as refused:
        source_of(f"{address}/model.safetensors?token=hunter2")
    for each in (caught, advised, refused):
        assert "hunter2" not in each.value.detail
