#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/hidream, made by diffusers' HiDreamImageTransformer2DModel.

Without arguments, writes them; with --check, compares. Needs torch and diffusers.
"""

import torch
from diffusers import HiDreamImageTransformer2DModel

from model_fixtures import channels_last, generate_weights, main, numbers, reference, save_generated

# Latents (height, width), requests, tokens of T5 and of Llama. At most 36 image tokens.
CASES = {
    "square": (8, 8, 2, 5, 5),
    "padded": (6, 8, 3, 3, 4),  # 12 tokens and 24 of padding
    "wide": (4, 10, 1, 4, 2),
    "full": (8, 18, 1, 2, 2),  # 36: not square, and yet no padding
}


def flow(model, sample, timestep, text, llama, pooled_text):
    """What the pipeline gives its scheduler: the output with its sign turned."""
    out = model(
        sample, timesteps=timestep, encoder_hidden_states_t5=text, encoder_hidden_states_llama3=llama.transpose(0, 1),
        pooled_embeds=pooled_text,
    )
    return {"flow": -channels_last(out.sample)}


def make(folder):
    model = generate_weights(HiDreamImageTransformer2DModel(
        patch_size=2, in_channels=3, out_channels=4, num_layers=2, num_single_layers=2, attention_head_dim=16,
        num_attention_heads=2, caption_channels=[12, 10], text_emb_dim=14, num_routed_experts=4,
        num_activated_experts=2, axes_dims_rope=[8, 4, 4], max_resolution=[12, 12], llama_layers=[0, 2, 1, 2],
    ))
    fixture = {}
    for seed, (name, (height, width, requests, t5, llama)) in enumerate(CASES.items()):
        inputs = {
            "sample": numbers([seed, 0], requests, 3, height, width),
            "timestep": torch.tensor([1000.0, 500.0, 12.0])[:requests],
            "text": numbers([seed, 1], requests, t5, 12),
            "llama": numbers([seed, 2], requests, 3, llama, 10),
            "pooled_text": numbers([seed, 3], requests, 14),
        }
        case = reference(model, flow, inputs)
        inputs["sample"] = channels_last(inputs["sample"])
        fixture |= {f"{name}.{key}": value for key, value in (inputs | case).items()}
    save_generated(folder / "tiny", model, fixture)


if __name__ == "__main__":
    main("hidream", make, __doc__)
