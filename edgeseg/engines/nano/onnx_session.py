"""One ONNX file in the package, run by onnxruntime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from edgeseg.engines.onnx import open_session
from edgeseg.errors import EngineUnavailableError

Array = npt.NDArray[np.float32]


class Network:
    """A session over ``weights/NAME.onnx``; ``metadata`` holds what the export wrote beside it.

    Raises EngineUnavailableError when the file is not in the package or cannot be read.
    """

    def __init__(self, name: str, threads: int | None = None) -> None:
        path = files(__package__) / "weights" / f"{name}.onnx"
        try:
            self._session = open_session(path.read_bytes(), threads)
        except (OSError, RuntimeError) as error:
            raise EngineUnavailableError(
                f"The nano weights {name}.onnx cannot be read: install edgeseg again."
            ) from error
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, **inputs: npt.NDArray[np.generic]) -> list[Array]:
        """All outputs in order, float32; safe to call from several threads."""
        outputs: list[Array] = self._session.run(None, inputs)
        return outputs
