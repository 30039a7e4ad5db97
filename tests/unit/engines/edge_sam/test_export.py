"""The exported files answer as the predictor does, with any number of points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from edgeseg.engines.edge_sam import SamPredictor, sam_model_registry
from edgeseg.engines.edge_sam.export import export_onnx
from edgeseg.engines.edge_sam.letterbox import Letterbox
from edgeseg.types import Image


def test_the_files_answer_as_the_predictor(checkpoint: Path, tmp_path: Path) -> None:
    files = export_onnx(checkpoint, tmp_path)
    encoder, decoder = (
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for path in files
    )
    noise = np.random.default_rng(0).integers(0, 255, (301, 451, 3), dtype=np.uint8)
    predictor = SamPredictor(sam_model_registry["edge_sam"](checkpoint=checkpoint))
    predictor.set_image(noise)
    letterbox = Letterbox.for_size((301, 451))
    pixels = letterbox.render(Image.from_array(noise), torch.device("cpu")).numpy()
    (embeddings,) = encoder.run(None, {"image": pixels})
    assert np.allclose(embeddings, predictor.get_image_embedding().numpy(), atol=1e-3)
    box = np.array([[20.0, 30.0], [300.0, 200.0]], np.float32)
    asked = {
        "image_embeddings": embeddings,
        "point_coords": letterbox.places(box)[None],
        "point_labels": np.array([[2, 3]]),
    }
    scores, masks = decoder.run(None, asked)
    _, wanted_scores, wanted = predictor.predict(
        box=box.ravel(), num_multimask_outputs=4, use_stability_score=True
    )
    assert np.allclose(masks[0], wanted, atol=1e-3)
    assert np.allclose(scores[0], wanted_scores, atol=0.02)
