"""EdgeSAM, written from its papers: a small SAM for devices without a large GPU.

```
from edgeseg.engines.edge_sam import SamPredictor, sam_model_registry

sam = sam_model_registry["edge_sam"](checkpoint="edge_sam.pth")
predictor = SamPredictor(sam)
predictor.set_image(image)
masks, scores, logits = predictor.predict(box=[20, 30, 400, 280])
```
"""

from edgeseg.engines.edge_sam.model import EdgeSam
from edgeseg.engines.edge_sam.predictor import SamPredictor, sam_model_registry

__all__ = ["EdgeSam", "SamPredictor", "sam_model_registry"]
