"""Qwen3, Qwen2.5 and Qwen3-VL with random weights, as transformers saves them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from edgeseg.engines.torch.hf import import_transformers
from edgeseg.testing.checkpoints import tokenizers

Family = Literal["qwen3", "qwen2", "qwen3-vl"]

_SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for part in m['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SMALL = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 16384,
    "tie_word_embeddings": False,
}
# Qwen2.5-0.5B.
_HALF_A_BILLION = {
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
# Qwen3-VL-2B: its text model, and its vision encoder.
_TWO_BILLION = {
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
_VISION = {
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_heads": 16,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [5, 11, 17],
}
_SMALL_VISION = {
    "depth": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_heads": 2,
    "num_position_embeddings": 64,
    "deepstack_visual_indexes": [0],
}


def write(
    folder: Path,
    family: Family = "qwen3",
    small: bool = True,
    says: str = "",
    words: Sequence[str] = (),
) -> None:
    """Write model and tokenizer into ``folder``.

    Without ``small`` it has the size of Qwen2.5-0.5B, or of Qwen3-VL-2B. Its tokenizer reads each
    of ``words`` as one token and all else byte by byte. With ``says`` it goes on with these words
    wherever a JSON list begins, and then ends; else it says whatever chance made of it.
    """
    transformers = import_transformers()
    tokenizer = tokenizers.byte_level(
        folder,
        "Qwen2Tokenizer",
        _SPECIAL,
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None},
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(_SPECIAL[1:])})
    tokenizer.add_tokens([*words, *([says] if says else [])])
    tokenizer.chat_template = _TEMPLATE
    tokenizer.save_pretrained(folder)
    large = _TWO_BILLION if family == "qwen3-vl" else _HALF_A_BILLION
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "bos_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 2,
        **(_SMALL if small else large),
    }
    if family == "qwen3-vl":
        model = _vision_model(folder, tokenizer, shape, small)
    else:
        kind = "Qwen3" if family == "qwen3" else "Qwen2"
        head = {"head_dim": 32} if family == "qwen3" else {}
        config = getattr(transformers, f"{kind}Config")(**shape, **head)
        model = getattr(transformers, f"{kind}ForCausalLM")(config)
    if says:
        numbers = tokenizer.convert_tokens_to_ids(["[", says, "<|im_end|>"])
        _teach(model, numbers)
    # The published ones are in 16 bits.
    (model if small else model.bfloat16()).save_pretrained(folder)


def _teach(model: Any, chain: list[int]) -> None:
    """Make each token of ``chain`` follow the one before it, whatever was said earlier."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            # Without these the last token alone decides.
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.zero_()
        spoken, heard = model.get_output_embeddings().weight, model.get_input_embeddings().weight
        spoken.zero_()
        for before, after in pairwise(chain):
            spoken[after] = heard[before] / heard[before].norm()


def _vision_model(folder: Path, tokenizer: Any, text: dict[str, Any], small: bool) -> Any:
    """Write the processor of Qwen3-VL into ``folder``, and return the model."""
    transformers = import_transformers()
    numbers = {name: tokenizer.convert_tokens_to_ids(name) for name in _SPECIAL}
    head = 32 if small else 128
    rope = {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "mrope_section": [8, 4, 4] if small else [24, 20, 20],
        "mrope_interleaved": True,
    }
    vision = _SMALL_VISION if small else _VISION
    config = transformers.Qwen3VLConfig(
        text_config={**text, "head_dim": head, "rope_parameters": rope},
        vision_config={**vision, "out_hidden_size": text["hidden_size"]},
        image_token_id=numbers["<|image_pad|>"],
        video_token_id=numbers["<|video_pad|>"],
        vision_start_token_id=numbers["<|vision_start|>"],
        vision_end_token_id=numbers["<|vision_end|>"],
        tie_word_embeddings=text["tie_word_embeddings"],
    )
    most = (128 if small else 1024) ** 2
    pixels = transformers.Qwen2VLImageProcessor(
        patch_size=16, size={"shortest_edge": 32 * 32, "longest_edge": most}
    )
    transformers.Qwen3VLProcessor(
        image_processor=pixels,
        tokenizer=tokenizer,
        video_processor=transformers.Qwen3VLVideoProcessor(),
        chat_template=_TEMPLATE,
    ).save_pretrained(folder)
    return transformers.Qwen3VLForConditionalGeneration(config)
