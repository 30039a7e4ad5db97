"""A causal language model of Qwen2's kind with random weights, as transformers saves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeseg.engines.hf import import_transformers
from edgeseg.evaluation.blank import tokenizers

_SIZES: dict[str, dict[str, Any]] = {
    "small": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    },
    # Qwen2.5-0.5B
    "0.5b": {
        "vocab_size": 151936,
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
    },
}
_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
_TEMPLATE = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write(folder: Path, size: str = "small") -> None:
    """Write model and tokenizer into ``folder``; ``size`` is small or 0.5b."""
    transformers = import_transformers()
    facts = _SIZES[size]
    roles = {
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "chat_template": _TEMPLATE,
    }
    tokenizer = tokenizers.byte_level(folder, "Qwen2Tokenizer", _SPECIAL, roles)
    tokenizer.save_pretrained(folder)
    config = transformers.Qwen2Config(
        **{"vocab_size": len(tokenizer), **facts},
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=0,
    )
    # Published in 16 bits.
    transformers.Qwen2ForCausalLM(config).bfloat16().save_pretrained(folder)
