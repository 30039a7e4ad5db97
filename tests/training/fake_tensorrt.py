"""A module in the place of TensorRT: it notes what it was told, and compiles to a few bytes."""

from __future__ import annotations

import ctypes
import enum
import types
from pathlib import Path
from typing import Any

WORKSPACE, DLA = "workspace", "dla"
# The first byte of a photo on which engines fail.
FAILS = 255


class BuilderFlag(enum.Enum):
    FP16, INT8, GPU_FALLBACK = range(3)


class Value:
    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self.name, self.shape = name, shape


class Network:
    def __init__(self) -> None:
        self.inputs = [Value("image", (1, 3, 32, 32))]

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    def get_input(self, index: int) -> Value:
        return self.inputs[index]


class Options:
    def __init__(self) -> None:
        self.flags: set[BuilderFlag] = set()
        self.limits: dict[str, int] = {}
        self.profiles: list[Profile] = []
        self.int8_calibrator: Any = None
        self.default_device_type: Any = None
        self.DLA_core = -1

    def set_memory_pool_limit(self, pool: str, limit: int) -> None:
        self.limits[pool] = limit

    def set_flag(self, flag: BuilderFlag) -> None:
        self.flags.add(flag)

    def add_optimization_profile(self, profile: Profile) -> None:
        self.profiles.append(profile)


class Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[tuple[int, ...], ...]] = {}

    def set_shape(self, name: str, *sizes: tuple[int, ...]) -> None:
        self.shapes[name] = sizes


class Builder:
    platform_has_fast_fp16, platform_has_fast_int8 = True, True
    num_DLA_cores = 2  # noqa: N815 (TensorRT's name)
    last: Builder

    def __init__(self, logger: object) -> None:
        self.logger, self.options, self.network = logger, Options(), Network()
        self.flags = -1
        Builder.last = self

    def create_network(self, flags: int) -> Network:
        self.flags = flags
        return self.network

    def create_builder_config(self) -> Options:
        return self.options

    def create_optimization_profile(self) -> Profile:
        return Profile()

    def build_serialized_network(self, network: Network, options: Options) -> bytes | None:
        calibrator = options.int8_calibrator
        if calibrator is not None:
            self.batches = 0
            while calibrator.get_batch(["image"]) is not None:
                self.batches += 1
            calibrator.write_calibration_cache(b"ranges")
        return None if network.inputs[0].name == "broken" else b"engine"


class Parser:
    num_errors = 1

    def __init__(self, network: Network, logger: object) -> None:
        self._network = network

    def parse_from_file(self, path: str) -> bool:
        """Take the names of inputs from the file, one a line with its shape."""
        lines = Path(path).read_text().splitlines()
        if "no onnx" in lines:
            return False
        if lines:
            self._network.inputs = [
                Value(name, tuple(int(side) for side in sides.split(",")))
                for name, _, sides in (line.partition(" ") for line in lines)
            ]
        return True

    def get_error(self, index: int) -> str:
        return "node 3: no such operator"


class Engine:
    """Takes a photo, and says of two classes that both are everywhere."""

    num_io_tensors = 2

    def __init__(self) -> None:
        self.tensors = {"image": ((1, 3, 4, 4), "UINT8"), "masks": ((1, 2, 1, 4, 4), "BOOL")}
        self.addresses: dict[str, int] = {}

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name == "image" else "out"

    def get_tensor_dtype(self, name: str) -> str:
        return f"DataType.{self.tensors[name][1]}"

    def create_execution_context(self) -> Engine:
        return self

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        assert shape == self.tensors[name][0]

    def set_tensor_address(self, name: str, address: int) -> None:
        self.addresses[name] = address

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name][0]

    def execute_async_v3(self, stream: object) -> bool:
        first = ctypes.string_at(self.addresses["image"], 1)[0]
        ctypes.memset(self.addresses["masks"], int(first > 0), 32)
        return first != FAILS


class Runtime:
    def __init__(self, logger: object) -> None:
        pass

    def deserialize_cuda_engine(self, data: bytes) -> Engine | None:
        return Engine() if data == b"engine" else None


def module() -> types.ModuleType:
    """Return the module."""
    made: Any = types.ModuleType("tensorrt")
    made.__version__ = "10.0"
    made.Logger = type("Logger", (), {"INFO": 1, "WARNING": 2, "__init__": lambda *_: None})
    made.Runtime = Runtime
    made.TensorIOMode = type("Modes", (), {"INPUT": "in", "OUTPUT": "out"})
    made.Builder, made.OnnxParser, made.BuilderFlag = Builder, Parser, BuilderFlag
    made.NetworkDefinitionCreationFlag = type("Flags", (), {"EXPLICIT_BATCH": 0})
    made.MemoryPoolType = type("Pools", (), {"WORKSPACE": WORKSPACE})
    made.DeviceType = type("Devices", (), {"DLA": DLA})
    made.IInt8EntropyCalibrator2 = type("IInt8EntropyCalibrator2", (), {})
    return made  # type: ignore[no-any-return]
