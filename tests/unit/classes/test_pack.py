"""Packs of classes: written, read, taken apart, joined, and refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from edgeseg.classes import ClassPack, PackStore
from edgeseg.classes.pack import MAX_BYTES
from edgeseg.engines.base import ClassBase
from edgeseg.errors import InvalidPackError, UnknownClassError, UnknownPackError
from tests.packs import BASE, pack_class, small_pack


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    small_pack().save(path)
    return path


def test_what_is_written_is_read(file: Path) -> None:
    read = ClassPack.load(file)
    written = small_pack()
    assert read.names == ("sky", "tree", "road")
    assert read.base == BASE
    assert read.figures == {"miou": 0.5}
    for a, b in zip(read.classes, written.classes, strict=True):
        assert (a.name, a.colour) == (b.name, b.colour)
        assert np.array_equal(a.prompt, b.prompt)


def test_prompts_may_have_any_length(tmp_path: Path) -> None:
    pack = replace(small_pack(), classes=(pack_class("a", tokens=1), pack_class("b", tokens=9)))
    pack.save(tmp_path / "x.safetensors")
    read = ClassPack.load(tmp_path / "x.safetensors")
    assert [len(each.prompt) for each in read.classes] == [1, 9]


def test_classes_are_taken_in_the_order_that_is_asked_for() -> None:
    pack = small_pack()
    assert [each.name for each in pack.take(["Road", "sky", "road"])] == ["road", "sky"]
    assert pack.extract(["road", "sky"]).names == ("road", "sky")
    assert pack.without(["tree"]).names == ("sky", "road")
    assert pack.renamed("tree", "bush").names == ("sky", "bush", "road")
    with pytest.raises(UnknownClassError, match="no class 'car'; it has: sky, tree, road"):
        pack.take(["sky", "car"])


def test_packs_are_joined_bit_for_bit() -> None:
    pack, more = small_pack(), small_pack("more", "tram")
    merged = pack.merged(more)
    assert merged.names == ("sky", "tree", "road", "tram")
    for old, new in zip((*pack.classes, *more.classes), merged.classes, strict=True):
        assert np.array_equal(old.prompt, new.prompt)
    with pytest.raises(InvalidPackError, match="has road, sky, tree twice"):
        pack.merged(pack)


@pytest.mark.parametrize(
    ("base", "said"),
    [
        (replace(BASE, encoder_fingerprint="0" * 16), "the encoder is small eee"),
        (replace(BASE, decoder_fingerprint="0" * 16), "the decoder is ddd"),
    ],
)
def test_packs_of_another_network_are_not_joined(base: ClassBase, said: str) -> None:
    other = small_pack("other", "tram", base=base)
    with pytest.raises(InvalidPackError, match=said):
        small_pack().merged(other)


def test_a_pack_without_classes_is_none() -> None:
    with pytest.raises(InvalidPackError, match="1 to 254 classes, not 0"):
        small_pack().without(["sky", "tree", "road"])


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a b"])
def test_names_of_packs_are_names_of_files(name: str) -> None:
    with pytest.raises(InvalidPackError, match="cannot name a pack"):
        replace(small_pack(), name=name)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 81])
def test_names_of_classes_can_be_printed(name: str) -> None:
    with pytest.raises(InvalidPackError, match="cannot name a class"):
        small_pack().renamed("sky", name)


def changed(file: Path, head: Mapping[str, object], tensors: Any = None) -> bytes:
    """Return the file with other tensors, or other facts in its metadata."""
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["pack"])
    return bytes(save(tensors or load(data), {"pack": json.dumps({**facts, **head})}))


@pytest.mark.parametrize(
    "head",
    [
        {"format": "another"},
        {"classes": []},
        {"classes": [{"name": "sky", "color": [0, 0, 0]}] * 4},
        {"classes": [{"name": "sky", "color": [0, 0, 300]}]},
        {"background_threshold": 2},
        {"name": "../x"},
        {"figures": {"miou": "high"}},
    ],
)
def test_metadata_is_checked(file: Path, head: dict[str, object]) -> None:
    with pytest.raises(InvalidPackError):
        ClassPack.from_bytes(changed(file, head), "x")


@pytest.mark.parametrize(
    "tensor",
    [
        np.zeros((2, 3), np.float32),
        np.zeros((0, 4), np.float32),
        np.zeros(4, np.float32),
        np.full((2, 4), np.nan, np.float32),
        np.zeros((2000, 4), np.float32),
    ],
)
def test_prompts_are_checked(file: Path, tensor: np.ndarray) -> None:
    tensors = {**load(file.read_bytes()), "class.1": tensor}
    with pytest.raises(InvalidPackError):
        ClassPack.from_bytes(changed(file, {}, tensors), "x")


def test_what_is_no_pack_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for data in (b"", b"\xff" * 8, whole[:40], whole[:-1], b"{}" * 100, save({})):
        with pytest.raises(InvalidPackError, match="x is no pack of classes"):
            ClassPack.from_bytes(data, "x")
    with file.open("r+b") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(InvalidPackError, match="is larger than"):
        ClassPack.load(file)


def test_a_watched_folder(tmp_path: Path) -> None:
    store = PackStore(tmp_path)
    assert "street" in store.names()
    with pytest.raises(UnknownPackError, match="no pack of classes 'small'; there are: street"):
        store.get("small")
    small_pack().save(tmp_path / "small.safetensors")
    assert store.get("small").names == ("sky", "tree", "road")
    assert store.get("small") is store.get("small")
    small_pack("small", "car").save(tmp_path / "small.safetensors")
    assert store.get("small").names == ("car",)
    (tmp_path / "broken.safetensors").write_bytes(b"no pack")
    assert [each.name for each in store.packs()] == ["small", "street"]
    with pytest.raises(InvalidPackError):
        store.get("broken")
    (tmp_path / "small.safetensors").unlink()
    with pytest.raises(UnknownPackError):
        store.get("small")


def test_a_pack_of_the_folder_goes_before_that_of_the_package(tmp_path: Path) -> None:
    small_pack("street", "lane").save(tmp_path / "street.safetensors")
    assert PackStore(tmp_path).get("street").names == ("lane",)
    assert len(PackStore().get("street").names) == 11
