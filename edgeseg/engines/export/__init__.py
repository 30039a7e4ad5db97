"""Engines as files for other runtimes: ONNX, OpenVINO, CoreML and LiteRT.

```
from edgeseg.engines.export import ExportOptions, export_model

exported = export_model("edge-sam", "onnx", "out", ExportOptions(precision="fp16"))
```
"""

from edgeseg.engines.export.options import TARGETS, ExportOptions
from edgeseg.engines.export.run import Exported, export_model, exportable

__all__ = ["TARGETS", "ExportOptions", "Exported", "export_model", "exportable"]
