"""The hub's shared cache and stored token are used as other programs have left them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download

from edgeseg.engines.weights.sources import HubRepo
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import EngineUnavailableError
from tests.unit.engines.weights.hub import COMMIT, Hub, serving
from tests.unit.engines.weights.test_weights import shared_cache as shared_cache

REPO = HubRepo("owner/model", COMMIT)
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)), "model.bin": b"pickle"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub(dict(FILES))) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, hub: Hub) -> WeightStore:
    return WeightStore(tmp_path / "store", hub_url=hub.url)


def fill(cache: Path, hub: Hub) -> Path:
    """Download the repository as another program does, and return its snapshot."""
    paths = [
        hf_hub_download("owner/model", name, revision=COMMIT, endpoint=hub.url, cache_dir=cache)
        for name in FILES
    ]
    hub.asked.clear()
    return Path(paths[0]).parent


def damage(path: Path) -> None:
    """Change the content of a cached file, and not its size."""
    blob = path.resolve()
    blob.write_bytes(bytes(blob.stat().st_size))


def test_what_the_shared_cache_holds_is_not_downloaded(
    store: WeightStore, hub: Hub, shared_cache: Path
) -> None:
    snapshot = fill(shared_cache, hub)
    folder = store.need(REPO)
    assert hub.downloads() == []
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert (folder / "model.safetensors").resolve() == (snapshot / "model.safetensors").resolve()
    assert not (folder / "model.bin").exists()
    (snapshot / "model.safetensors").resolve().unlink()
    assert store.find(REPO) is None, "a cache that was emptied later is noticed"
    assert (store.need(REPO) / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_the_rest_of_a_partial_cache_is_downloaded(
    store: WeightStore, hub: Hub, shared_cache: Path
) -> None:
    (fill(shared_cache, hub) / "config.json").unlink()
    assert (store.need(REPO) / "config.json").read_bytes() == FILES["config.json"]
    assert [each.path.rpartition("/")[2] for each in hub.downloads()] == ["config.json"]


def test_the_shared_cache_is_enough_offline(tmp_path: Path, hub: Hub, shared_cache: Path) -> None:
    fill(shared_cache, hub)
    offline = WeightStore(tmp_path / "store", hub_url=hub.url, offline=True)
    assert (offline.need(REPO) / "model.safetensors").is_file()
    with pytest.raises(EngineUnavailableError, match="switched off"):
        offline.need(HubRepo("owner/model", "f" * 40))
    assert hub.asked == []


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_wrong_file_in_the_cache_is_refused(
    tmp_path: Path, hub: Hub, shared_cache: Path, name: str
) -> None:
    damaged = fill(shared_cache, hub) / name
    damage(damaged)
    offline = WeightStore(tmp_path / "offline", hub_url=hub.url, offline=True)
    with pytest.raises(EngineUnavailableError, match="checksum") as caught:
        offline.need(REPO)
    assert str(damaged) in caught.value.detail
    assert offline.find(REPO) is None
    online = WeightStore(tmp_path / "online", hub_url=hub.url)
    assert (online.need(REPO) / name).read_bytes() == FILES[name]
    assert damaged.is_file(), "the cache belongs to others"


def test_the_stored_token_goes_to_the_hub_and_to_nobody_else(tmp_path: Path, hub: Hub) -> None:
    home = tmp_path / "home"
    home.mkdir()
    # Where `hf auth login` puts it.
    (home / "token").write_text("hf_stored")
    hub.token = "hf_stored"
    with serving(Hub(dict(FILES))) as storage:
        hub.storage = storage.url
        environment = {key: os.environ[key] for key in os.environ if not key.startswith("HF_")}
        environment |= {
            "HF_HOME": str(home),
            "EDGESEG_HUB_URL": hub.url,
            "EDGESEG_WEIGHTS_DIR": str(tmp_path / "store"),
            "EDGESEG_WEIGHTS": json.dumps({"grounding-dino-tiny": f"owner/model@{COMMIT}"}),
        }
        pull = [sys.executable, "-m", "edgeseg", "engines", "pull", "grounding-dino-tiny"]
        subprocess.run(pull, env=environment, check=True, timeout=120, capture_output=True)
        assert {each.authorization for each in hub.asked} == {"Bearer hf_stored"}
        assert {each.path for each in storage.downloads()} == {"/config.json", "/model.safetensors"}
        assert {each.authorization for each in storage.asked} == {None}


def test_without_the_library_the_error_names_the_extra(tmp_path: Path, hub: Hub) -> None:
    code = (
        "import sys; sys.modules['huggingface_hub'] = None\n"
        "from pathlib import Path\n"
        "from edgeseg.engines.weights.store import HubRepo, WeightStore\n"
        f"WeightStore(Path({str(tmp_path)!r}), hub_url={hub.url!r}).need(HubRepo('a/b'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert 'pip install "edgeseg[full]"' in done.stderr
