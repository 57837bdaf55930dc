#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/llama_text, made by transformers' Llama.

Without arguments, writes them; with --check, compares. Needs torch and transformers.
"""

import json

import torch
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel

from model_fixtures import generate_weights, main, reference, save_generated

SCALING = {
    "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
    "rope_type": "llama3",
}


def hidden_states(model, token_ids, mask):
    """With the attention of output_attentions=True, which HiDream's pipeline asks for."""
    model.config._attn_implementation = "eager"
    out = model(token_ids, attention_mask=mask, output_hidden_states=True)
    return {f"hidden.{i}": state for i, state in enumerate(out.hidden_states)}


def make_case(folder, cls, padded, old_config=False, **options):
    config = LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=40, num_hidden_layers=3, max_position_embeddings=64, **options
    )
    model = generate_weights(cls(config))
    token_ids = (torch.arange(3 * 17) * 7 % 50).reshape(3, 17)
    mask = torch.ones(3, 17, dtype=torch.int64)
    if padded:  # a full prompt, a padded one, one with nothing but its beginning
        mask[1, 11:] = 0
        mask[2, 1:] = 0
    case = reference(model, hidden_states, {"token_ids": token_ids, "mask": mask})
    del case["hidden.0.bf16_error"]  # the embedding: exact
    written = json.loads(model.config.to_json_string())
    if old_config:  # as transformers wrote it before version 5
        rope = written.pop("rope_parameters")
        written["rope_theta"] = rope.pop("rope_theta")
        written["rope_scaling"] = rope
    save_generated(folder, model, {"token_ids": token_ids, "mask": mask} | case, written)


def make(folder):
    # Frequencies on both sides of the scaling and in between: 16 pairs of channels.
    make_case(
        folder / "llama31", LlamaForCausalLM, padded=True, num_attention_heads=4, num_key_value_heads=2, head_dim=32,
        rms_norm_eps=1e-5, rope_parameters=SCALING | {"rope_theta": 500000.0},
    )
    make_case(
        folder / "llama31_old", LlamaForCausalLM, padded=True, old_config=True, num_attention_heads=4,
        num_key_value_heads=1, rms_norm_eps=1e-5, rope_parameters=SCALING | {"rope_theta": 5000.0},
    )
    make_case(
        folder / "plain", LlamaModel, padded=False, num_attention_heads=2,
        rope_parameters={"rope_theta": 10000.0, "rope_type": "default"},
    )


if __name__ == "__main__":
    main("llama_text", make, __doc__)
