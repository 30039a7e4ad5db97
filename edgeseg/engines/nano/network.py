"""One ONNX file in the package, run by onnxruntime on the processor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from edgeseg.errors import EngineUnavailableError

Array = npt.NDArray[np.float32]


class Network:
    """A session over ``weights/NAME.onnx``; ``metadata`` holds what the export wrote beside it.

    Raises EngineUnavailableError when the file is not in the package or cannot be read.
    """

    def __init__(self, name: str, threads: int | None = None) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.inter_op_num_threads = 1
        # A worker waits for tasks most of the time: threads that spin would eat its neighbours'
        # processor.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        path = files(__package__) / "weights" / f"{name}.onnx"
        try:
            model = path.read_bytes()
            self._session = ort.InferenceSession(model, options, ["CPUExecutionProvider"])
        except (OSError, RuntimeError) as error:
            raise EngineUnavailableError(
                f"The nano weights {name}.onnx cannot be read: install edgeseg again."
            ) from error
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, **inputs: npt.NDArray[np.generic]) -> list[Array]:
        """All outputs in order, float32; safe to call from several threads."""
        outputs: list[Array] = self._session.run(None, inputs)
        return outputs
