"""What engines on torch share: where to compute and in what numbers, and how to stay in memory."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from edgeseg.engines.base import EngineOptions
from edgeseg.errors import EngineUnavailableError

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Placement:
    """The device and the compute dtype of a model."""

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def from_options(cls, options: EngineOptions, half: bool = True) -> Placement:
        """Choose by the options; ``half`` says whether the model may compute in 16 bits.

        Raises EngineUnavailableError for a device that is not available.
        """
        if options.threads:
            torch.set_num_threads(options.threads)
        device = pick_device(options.device)
        return cls(device, pick_dtype(device, options.dtype) if half else torch.float32)

    @property
    def dtype_name(self) -> str:
        """The name of the dtype: "float32"."""
        return str(self.dtype).removeprefix("torch.")

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Compute without gradients, under autocast to the placement's dtype."""
        lower = self.dtype != torch.float32
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=self.dtype, enabled=lower),
        ):
            yield


def pick_device(name: str) -> torch.device:
    """Return the device of a setting; "auto" is the best one available."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise EngineUnavailableError(f"There is no device called {name!r}.") from error
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not here.get(device.type, False):
        raise EngineUnavailableError(
            f"The device {name!r} is not available; set EDGESEG_DEVICE=auto."
        )
    return device


def pick_dtype(device: torch.device, name: str = "auto") -> torch.dtype:
    """Return the dtype of a setting; "auto" is bfloat16 where the device computes it fast."""
    if name != "auto":
        dtype = getattr(torch, name)
        assert isinstance(dtype, torch.dtype)
        return dtype
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
    if device.type == "cpu" and _cpu_has_bf16():
        return torch.bfloat16
    return torch.float32


def _cpu_has_bf16() -> bool:
    """Say whether the CPU multiplies bfloat16 itself; elsewhere it is slower than float32."""
    facts = torch.cpu.get_capabilities()
    return any(facts.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def in_chunks(
    items: Sequence[Item], chunk: int, run: Callable[[Sequence[Item]], Sequence[Made]]
) -> list[Made]:
    """Run over items in chunks and join what comes out, an item each.

    Where memory runs out the chunk is halved and tried again; at one item the error is raised.
    """
    results: list[Made] = []
    size = max(1, chunk)
    while len(results) < len(items):
        part = items[len(results) : len(results) + size]
        try:
            results.extend(run(part))
        except (torch.OutOfMemoryError, MemoryError):
            if len(part) == 1:
                raise
            size = max(1, len(part) // 2)
            free()
        except RuntimeError as error:
            # What the allocator for the CPU raises has no class of its own.
            if len(part) == 1 or "allocate memory" not in str(error):
                raise
            size = max(1, len(part) // 2)
            free()
    return results


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a checkpoint, mapped and not copied: safetensors, or a .pt file of tensors alone.

    The tensors under a key "model" or "state_dict" are returned if there is one. Raises
    EngineUnavailableError for a file that cannot be read, or that holds more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            tensors: dict[str, torch.Tensor] = load_file(path)
            return tensors
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise EngineUnavailableError(f"The weights {path} cannot be read: {error}") from error
    for key in ("model", "state_dict"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict):
        raise EngineUnavailableError(f"The weights {path} hold no tensors by name.")
    return loaded


def free() -> None:
    """Give memory that is no longer used back to the device and to the system."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):
            # Another C library has no such call, and gives memory back by itself.
            return
