"""Sessions of onnxruntime: one place decides provider, threads and logging."""

from __future__ import annotations

from pathlib import Path

# Its telemetry is off: edgeseg/__init__.py has set the switch that it reads when it is imported.
import onnxruntime as ort

from edgeseg.platforms import cpu_count

_ERRORS_ONLY = 3


def open_session(model: bytes | Path, threads: int | None = None) -> ort.InferenceSession:
    """Open an ONNX model on the CPU.

    ``threads`` is the number of cores of one run; by default all that the process may use. Raises
    OSError or RuntimeError for a file that cannot be read.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cpu_count()
    # The graphs are chains: there is nothing to run side by side.
    options.inter_op_num_threads = 1
    # A worker waits for tasks most of the time; spinning threads would take its neighbours' cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ERRORS_ONLY
    source = str(model) if isinstance(model, Path) else model
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
