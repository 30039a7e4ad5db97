"""Florence-2 with random weights, as transformers saves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeseg.engines.torch.hf import import_transformers
from edgeseg.testing.checkpoints import tokenizers

_SIZES: dict[str, dict[str, Any]] = {
    "small": {
        "side": 64,
        "widths": [16, 32, 48, 64],
        "heads": [1, 2, 3, 4],
        "depths": [1, 1, 1, 1],
        "window": 4,
        "model": 32,
        "layers": 1,
        "vocabulary": 0,
        "most_tokens": 12,
    },
    "base": {
        "side": 768,
        "widths": [128, 256, 512, 1024],
        "heads": [4, 8, 16, 32],
        "depths": [1, 1, 9, 1],
        "window": 12,
        "model": 768,
        "layers": 6,
        "vocabulary": 50265,
        "most_tokens": 24,
    },
    "large": {
        "side": 768,
        "widths": [256, 512, 1024, 2048],
        "heads": [8, 16, 32, 64],
        "depths": [1, 1, 9, 1],
        "window": 12,
        "model": 1024,
        "layers": 12,
        "vocabulary": 50265,
        "most_tokens": 24,
    },
}
_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
_ROLES = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
    "model_max_length": 1024,
}
_TASKS = ["od", "ocr", "cap", "dcap", "ncap", "poly", "grounding", "region_cap"]
_READERS = [
    "pure_text", "description_with_bboxes", "description_with_polygons", "polygons", "bboxes",
    "description_with_bboxes_or_polygons", "od",
]  # fmt: skip


def write(folder: Path, size: str = "small") -> None:
    """Write model and processor into ``folder``; ``size`` is small, base or large.

    Its answers are short, since random ones would not end by themselves.
    """
    transformers = import_transformers()
    facts = _SIZES[size]
    tokenizer = _tokenizer(folder, facts["vocabulary"])
    vision = transformers.Florence2VisionConfig(
        depths=facts["depths"],
        embed_dim=facts["widths"],
        num_heads=facts["heads"],
        num_groups=facts["heads"],
        window_size=facts["window"],
        projection_dim=facts["model"],
    )
    width, heads = facts["model"], max(2, facts["model"] // 64)
    text = transformers.BartConfig(
        vocab_size=len(tokenizer),
        d_model=width,
        encoder_layers=facts["layers"],
        decoder_layers=facts["layers"],
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        max_position_embeddings=1024,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
        forced_eos_token_id=2,
    )
    config = transformers.Florence2Config(
        vision_config=vision, text_config=text, image_token_id=tokenizer.image_token_id
    )
    model = transformers.Florence2ForConditionalGeneration(config)
    model.generation_config.max_new_tokens = facts["most_tokens"]
    model.save_pretrained(folder)
    _processor(transformers, tokenizer, facts["side"]).save_pretrained(folder)


def write_adapter(base: Path, folder: Path) -> None:
    """Write a LoRA adapter with random numbers for the model in ``base``."""
    from peft import LoraConfig, get_peft_model

    kind = import_transformers().Florence2ForConditionalGeneration
    model = kind.from_pretrained(base, local_files_only=True)
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(folder)


def _tokenizer(folder: Path, vocabulary: int) -> Any:
    plain = tokenizers.byte_level(folder, "BartTokenizer", _SPECIAL, _ROLES, vocabulary)
    tokenizer = type(plain).from_pretrained(
        folder, local_files_only=True, extra_special_tokens={"image_token": "<image>"}
    )
    tags = [f"{mark}{task}>" for task in _TASKS for mark in ("<", "</")]
    tokenizer.add_tokens([*(f"<loc_{index}>" for index in range(1000)), *tags, "<sep>"], True)
    return tokenizer


def _processor(transformers: Any, tokenizer: Any, side: int) -> Any:
    square = {"height": side, "width": side}
    pixels = transformers.CLIPImageProcessor(
        size=square,
        crop_size=square,
        do_center_crop=False,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    # One token for each cell of 32 pixels, and one for their mean.
    pixels.image_seq_length = (side // 32) ** 2 + 1
    readers: dict[str, Any] = {name: {} for name in _READERS}
    readers |= {"phrase_grounding": {"banned_grounding_tokens": []}, "ocr": {"area_threshold": 0.0}}
    return transformers.Florence2Processor(
        image_processor=pixels, tokenizer=tokenizer, post_processor_config=readers
    )
