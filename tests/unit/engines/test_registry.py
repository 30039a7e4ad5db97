"""The registry holds strings and says what is missing."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseg.engines import registry
from edgeseg.engines.base import Detector, EngineOptions
from edgeseg.engines.catalogue import FULL
from edgeseg.engines.weights.sources import UNPINNED, HubRepo
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import EngineUnavailableError, UnknownEngineError
from edgeseg.settings import Role, Settings
from tests.unit.engines.weights.hub import COMMIT, Hub, serving


@pytest.fixture
def spare(monkeypatch: pytest.MonkeyPatch) -> registry.Entry:
    """A fake engine under another name, gone after the test."""
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    entry = dataclasses.replace(registry.find("detect", "fake"), name="spare")
    registry.register(entry)
    return entry


def test_nano_and_fake_play_every_role_of_the_pipeline() -> None:
    for role in ("simplify", "detect", "segment"):
        assert registry.names(role)[:2] == ["nano", "fake"]


def test_an_engine_is_built_with_its_options() -> None:
    engine = registry.load("detect", "fake", EngineOptions(fake_latency_s=0.5))
    assert isinstance(engine, Detector)
    assert engine.name == "fake"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownEngineError, match="nano, fake") as caught:
        registry.load("detect", "yolo")
    assert caught.value.extra["known"][:2] == ["nano", "fake"]


def test_a_registered_engine_can_be_loaded(spare: registry.Entry) -> None:
    assert registry.load("detect", "spare").name == "fake"
    assert registry.names("detect")[-1] == "spare"


def test_a_missing_package_names_its_extra(spare: registry.Entry) -> None:
    registry.register(dataclasses.replace(spare, requires=("no_such_module",), extra="full"))
    with pytest.raises(EngineUnavailableError, match=r'pip install "edgeseg\[full\]"'):
        registry.load("detect", "spare")


def test_a_missing_file_is_named(spare: registry.Entry) -> None:
    registry.register(dataclasses.replace(spare, files=("engines/nowhere.onnx",)))
    with pytest.raises(EngineUnavailableError, match=r"nowhere\.onnx"):
        registry.load("detect", "spare")
    row = next(row for row in registry.describe(Settings()) if row.name == "spare")
    assert not row.available
    assert "nowhere.onnx" in row.missing


def test_the_size_is_that_of_the_files_in_the_package() -> None:
    rows = {(row.role, row.name): row.size_mb for row in registry.describe(Settings())}
    weights = Path(registry.__file__).parent / "nano" / "weights"
    size = sum((weights / name).stat().st_size for name in ("words.npz", "reader.onnx"))
    assert rows["simplify", "nano"] == round(size / 1e6, 1)
    assert rows["simplify", "fake"] is None


def test_the_settings_choose_the_default() -> None:
    rows = registry.describe(Settings(engines="fake", detect_engine="nano"))
    chosen = {(row.role, row.name) for row in rows if row.default}
    others = {(role, "fake") for role in ("simplify", "extract", "segment", "embed", "classify")}
    assert chosen == {("detect", "nano"), *others}


def test_looking_at_the_registry_imports_no_engine() -> None:
    code = (
        "import sys; from edgeseg.engines import registry; from edgeseg.settings import Settings;"
        "registry.describe(Settings());"
        "print([name for name in sys.modules if name.startswith('edgeseg.engines.nano')"
        " or name in ('onnxruntime', 'edgeseg.engines.fake')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_wrong_choice_of_weights_is_the_trouble_of_one_engine() -> None:
    settings = Settings(weights={"sam2.1-tiny": "../no/such.pt"})
    rows = {(row.role, row.name): row for row in registry.describe(settings)}
    bad = rows["segment", "sam2.1-tiny"]
    assert not bad.available
    assert "EDGESEG_WEIGHTS" in bad.missing or "cannot be imported" in bad.missing
    assert bad.weights == "../no/such.pt"
    assert rows["segment", "nano"].available


def test_weights_are_pinned_by_commit_or_sum_or_chosen_by_a_person() -> None:
    hubs = {e.name: s for e in FULL for s in e.sources if isinstance(s, HubRepo)}
    loose = {name for name, s in hubs.items() if not re.fullmatch("[0-9a-f]{40}", s.revision)}
    assert {hubs[name].revision for name in loose} == {UNPINNED}
    assert loose == {
        "mm-grounding-dino-tiny",
        "mm-grounding-dino-base",
        "sam-hq-vit-base",
        "sam-hq-vit-large",
        "qwen3-vl-4b",
        "qwen3-vl-8b",
        "dinov3-vitb16",
    }


def test_the_list_says_how_to_choose_a_commit() -> None:
    row = next(row for row in registry.describe(Settings()) if row.name == "sam-hq-vit-base")
    assert not row.available
    wanted = '{"sam-hq-vit-base": "syscv-community/sam-hq-vit-base@COMMIT"}'
    assert wanted in row.missing or "cannot be imported" in row.missing


def test_nothing_is_downloaded_where_only_present_weights_may_be_loaded(
    spare: registry.Entry, tmp_path: Path
) -> None:
    hub = Hub({"model.safetensors": b"weights"})
    entry = dataclasses.replace(spare, sources=(HubRepo("owner/model", COMMIT),))
    registry.register(entry)
    with serving(hub):
        store = WeightStore(tmp_path, hub_url=hub.url)
        options = EngineOptions(store=store)
        with pytest.raises(EngineUnavailableError, match="edgeseg engines pull spare"):
            registry.load_present("detect", "spare", options)
        assert hub.asked == []
        registry.fetch(entry, store)
        assert registry.load_present("detect", "spare", options).device == "cpu"


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("simplify", "qwen3-0.6b"),
        ("extract", "qwen3-vl-2b"),
        ("detect", "qwen3-vl-2b"),
        ("detect", "grounding-dino-tiny"),
        ("detect", "florence-2-base"),
        ("segment", "sam-vit-base"),
        ("ground", "sam3"),
        ("embed", "dinov3-vitb16"),
    ],
)
def test_a_folder_without_a_model_is_one_sentence(role: Role, name: str, tmp_path: Path) -> None:
    store = WeightStore(tmp_path, offline=True, overrides={name: str(tmp_path)})
    with pytest.raises(EngineUnavailableError, match="cannot be loaded") as caught:
        registry.load(role, name, EngineOptions("cpu", store=store))
    assert "\n" not in str(caught.value)
