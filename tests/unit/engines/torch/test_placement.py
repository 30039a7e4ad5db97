"""Devices, number types and chunks that shrink when memory runs out."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.torch.placement import (
    Placement,
    in_chunks,
    pick_device,
    pick_dtype,
    read_tensors,
)
from edgeseg.errors import EngineUnavailableError


def test_a_device_that_is_not_here_is_refused() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    for name in ("cuda:99", "toaster"):
        with pytest.raises(EngineUnavailableError, match=name):
            pick_device(name)


def test_the_wanted_type_is_what_a_model_computes_in() -> None:
    for name in ("float32", "bfloat16"):
        placement = Placement.from_options(EngineOptions("cpu", dtype=name))
        assert placement.dtype_name == name
        with placement.inference():
            made = torch.nn.Linear(4, 4)(torch.ones(1, 4))
        assert made.dtype == getattr(torch, name)
    assert (
        Placement.from_options(EngineOptions("cpu", dtype="bfloat16"), half=False).dtype_name
        == "float32"
    )
    assert pick_dtype(torch.device("cpu")) in (torch.float32, torch.bfloat16)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_a_chunk_is_halved_until_it_fits(error: Exception) -> None:
    sizes: list[int] = []

    def run(part: Sequence[int]) -> list[int]:
        sizes.append(len(part))
        if len(part) > 3:
            raise error
        return [value * 2 for value in part]

    assert in_chunks(range(10), 10, run) == [value * 2 for value in range(10)]
    assert sizes == [10, 5, 2, 2, 2, 2, 2]
    with pytest.raises(type(error)):
        in_chunks([1], 8, lambda part: (_ for _ in ()).throw(error))


def test_other_errors_are_not_taken_for_lack_of_memory() -> None:
    def run(part: Sequence[int]) -> list[int]:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        in_chunks(range(8), 8, run)


def test_checkpoints_are_read_without_running_code(tmp_path: Path) -> None:
    tensors = {"a.weight": torch.arange(4.0)}
    torch.save({"model": tensors}, tmp_path / "good.pt")
    assert torch.equal(read_tensors(tmp_path / "good.pt")["a.weight"], tensors["a.weight"])
    (tmp_path / "bad.pt").write_bytes(pickle.dumps({"model": Path("x")}))
    (tmp_path / "cut.pt").write_bytes((tmp_path / "good.pt").read_bytes()[:200])
    for name in ("bad.pt", "cut.pt", "none.pt"):
        with pytest.raises(EngineUnavailableError, match=name):
            read_tensors(tmp_path / name)
