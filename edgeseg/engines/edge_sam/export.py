"""EdgeSAM as two ONNX files, for devices without torch; finished only when they agree with it."""

from __future__ import annotations

from pathlib import Path

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.weights.store import WeightStore


def export_onnx(
    checkpoint: str | Path,
    folder: str | Path,
    *,
    use_stability_score: bool = True,
    bilinear: bool = False,
) -> tuple[Path, Path]:
    """Write ``edge_sam_encoder.onnx`` and ``edge_sam_decoder.onnx``, and return their paths.

    The encoder takes ``image`` (1, 3, 1024, 1024), normalised and padded, and gives
    ``image_embeddings`` (1, 256, 64, 64). The decoder takes these, ``point_coords`` (1, N, 2)
    float32 in pixels of the input and ``point_labels`` (1, N) int64: 1 inside, 0 outside, 2 and 3
    the corners of a box, -2 ignored. To a prompt without a box it adds the point labelled -1 that
    such prompts need. It gives ``scores`` (1, 4) and ``masks`` (1, 4, 256, 256), logits.
    ``bilinear`` is for runtimes that cannot enlarge bicubically; it changes the answers a little.

    `edgeseg.engines.export.export_model` does the same for other engines and runtimes. Raises
    EngineUnavailableError for a file that is not a valid checkpoint, and EngineError where
    onnxruntime computes something else than torch.
    """
    from edgeseg.engines.export import ExportOptions, export_model

    overrides = {"edge-sam": str(checkpoint)}
    export_model(
        "edge-sam",
        "onnx",
        folder,
        ExportOptions(stability_score=use_stability_score, bilinear=bilinear),
        engine_options=EngineOptions(store=WeightStore(Path(folder), overrides=overrides)),
        overwrite=True,
    )
    out = Path(folder)
    return out / "edge_sam_encoder.onnx", out / "edge_sam_decoder.onnx"
