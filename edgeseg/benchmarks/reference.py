"""Reference implementations: each engine's upstream library, called as its model card shows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeseg.types import Image

Call = Callable[[], object]
BOX_THRESHOLD, TEXT_THRESHOLD = 0.35, 0.25


@dataclass(frozen=True)
class Reference:
    """The reference implementation's calls for one image; None where it has none."""

    detect: Call | None = None
    embed: Call | None = None
    segment: Callable[[np.ndarray], Call] | None = None
    """From (N, 4) boxes in pixels; ``embed`` must have been called before."""
    ground: Call | None = None


def reference_for(
    engine: Any, weights: Sequence[Path], image: Image, phrases: Sequence[str]
) -> Reference:
    """Return the reference implementation of an engine, with the same weights and dtype.

    ``weights`` are the engine's own files or folders, in the order of its entry's sources.
    """
    by_class = {
        "GroundingDino": lambda: _grounding_dino(engine, weights[0], image, phrases),
        "OriginalGroundingDino": lambda: _original_grounding_dino(engine, image, phrases),
        "Sam2": lambda: _sam2(engine, image),
        "Sam": lambda: _sam(engine, image),
        "Sam3": lambda: _sam3(engine, image, phrases),
    }
    make = by_class.get(type(engine).__name__)
    return make() if make else Reference()


def _grounding_dino(engine: Any, folder: Path, image: Image, phrases: Sequence[str]) -> Reference:
    """Processor, model and post-processing of transformers, none of it ours."""
    from edgeseg.engines.torch.hf import as_pillow, import_transformers

    transformers = import_transformers()
    model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(
        folder, local_files_only=True, dtype="float32"
    ).to(engine.placement.device)
    processor = transformers.GroundingDinoProcessor(engine._processor, engine._tokenizer)
    pil_image, text = as_pillow(image), ". ".join(phrases) + "."

    def detect() -> object:
        inputs = processor(images=pil_image, text=text, return_tensors="pt").to(
            engine.placement.device
        )
        with engine.placement.inference():
            output = model(**inputs)
        return processor.post_process_grounded_object_detection(
            output, inputs["input_ids"], threshold=BOX_THRESHOLD, target_sizes=[image.size_hw]
        )

    return Reference(detect=detect)


def _original_grounding_dino(engine: Any, image: Image, phrases: Sequence[str]) -> Reference:
    """The ``predict`` of groundingdino-py, sampling by its own function.

    Its text encoder is the engine's: that of the package does not run with today's transformers.
    """
    import groundingdino.datasets.transforms as scaling
    from groundingdino.models.GroundingDINO import ms_deform_attn
    from groundingdino.util.inference import predict

    from edgeseg.engines.torch.hf import as_pillow

    shorter, longest = engine._edges
    prepare = scaling.Compose(
        [
            scaling.RandomResize([shorter], max_size=longest),
            scaling.ToTensor(),
            scaling.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    pil_image, text, device = as_pillow(image), ". ".join(phrases), str(engine.placement.device)
    name = "multi_scale_deformable_attn_pytorch"
    own = getattr(_second_copy(ms_deform_attn.__name__), name)

    def detect() -> object:
        original = getattr(ms_deform_attn, name)
        setattr(ms_deform_attn, name, own)
        try:
            pixels, _ = prepare(pil_image, None)
            return predict(engine.model, pixels, text, BOX_THRESHOLD, TEXT_THRESHOLD, device)
        finally:
            setattr(ms_deform_attn, name, original)

    return Reference(detect=detect)


def _second_copy(module: str) -> Any:
    """Return a module as it is in its file, without what an engine has changed in it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


def _sam2(engine: Any, image: Image) -> Reference:
    """The sam2 package's own predictor over the same model."""
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    predictor = SAM2ImagePredictor(engine.model)
    # It takes every model for one of 1024 pixels.
    predictor._bb_feat_sizes = [(int(engine.model.image_size) // s,) * 2 for s in (4, 8, 16)]

    def embed() -> object:
        with engine.placement.inference():
            return predictor.set_image(image.rgb)

    def segment(boxes: np.ndarray) -> Call:
        def call() -> object:
            with engine.placement.inference():
                return predictor.predict(box=boxes, multimask_output=False)

        return call

    return Reference(embed=embed, segment=segment)


def _sam(engine: Any, image: Image) -> Reference:
    """Processor and model of transformers; the engine changes nothing in the model."""
    from edgeseg.engines.torch.hf import as_pillow, import_transformers

    transformers = import_transformers()
    pil_image = as_pillow(image)
    cached: dict[str, Any] = {}
    kind = "SamHQProcessor" if engine._is_hq else "SamProcessor"
    side, small = engine._side, engine._side // 4
    processor = getattr(transformers, kind)(
        transformers.SamImageProcessor(
            size={"longest_edge": side},
            pad_size={"height": side, "width": side},
            mask_size={"longest_edge": small},
            mask_pad_size={"height": small, "width": small},
        )
    )

    def embed() -> object:
        inputs = processor(pil_image, return_tensors="pt").to(engine.placement.device)
        with engine.placement.inference():
            cached["maps"] = engine.model.get_image_embeddings(inputs["pixel_values"])
        return cached["maps"]

    def segment(boxes: np.ndarray) -> Call:
        def call() -> object:
            inputs = processor(pil_image, input_boxes=[boxes.tolist()], return_tensors="pt")
            sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
            arguments: dict[str, Any] = {"image_embeddings": cached["maps"]}
            if engine._is_hq:
                arguments = {
                    "image_embeddings": cached["maps"][0],
                    "intermediate_embeddings": cached["maps"][1],
                }
            with engine.placement.inference():
                output = engine.model(
                    **arguments,
                    input_boxes=inputs["input_boxes"].float().to(engine.placement.device),
                    multimask_output=False,
                )
            return processor.post_process_masks(output.pred_masks.float().cpu(), *sizes)

        return call

    return Reference(embed=embed, segment=segment)


def _sam3(engine: Any, image: Image, phrases: Sequence[str]) -> Reference:
    """Processor, model and post-processing of transformers: all of SAM 3 for each phrase.

    So does generated-segmentation. The model is the engine's, which changes nothing in it.
    """
    from edgeseg.engines.torch.hf import as_pillow

    processor, pil_image = engine._processor, as_pillow(image)

    def ground() -> object:
        made = []
        for phrase in phrases:
            inputs = processor(images=pil_image, text=phrase, return_tensors="pt")
            with engine.placement.inference():
                output = engine.model(**inputs.to(engine.placement.device))
            made += processor.post_process_instance_segmentation(
                output, threshold=BOX_THRESHOLD, mask_threshold=0.5, target_sizes=[image.size_hw]
            )
        return made

    return Reference(ground=ground)
