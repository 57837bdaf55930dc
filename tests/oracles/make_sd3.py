#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/sd3, made by diffusers' SD3Transformer2DModel.

Without arguments, writes them; with --check, compares. Needs torch and diffusers.
"""

import torch
from diffusers import SD3Transformer2DModel

from model_fixtures import channels_last, generate_weights, main, numbers, reference, save_generated

CLIP, T5, POOLED = 13, 20, 12  # channels
# Latents (height, width), requests, tokens of CLIP and of T5. At most 7 x 7 patches.
MEDIUM = {"square": (4, 4, 2, 3, 2), "wide": (6, 10, 3, 2, 3), "largest": (14, 2, 1, 3, 1)}
FIRST = {"high": (8, 6, 2, 2, 2)}


def run(model, sample, timestep, clip, text, pooled_text):
    taps = {}
    # A block returns text and image.
    hook = model.transformer_blocks[0].register_forward_hook(
        lambda module, inputs, output: taps.__setitem__("block", torch.cat(output[::-1], 1)))
    # As the pipeline joins them.
    states = torch.cat([torch.nn.functional.pad(clip, (0, T5 - CLIP)), text], 1)
    out = model(sample, encoder_hidden_states=states, pooled_projections=pooled_text, timestep=timestep).sample
    hook.remove()
    return taps | {"flow": channels_last(out.unsqueeze(2))}


def make_one(folder, cases, **options):
    model = generate_weights(SD3Transformer2DModel(
        sample_size=8, attention_head_dim=8, joint_attention_dim=T5, pooled_projection_dim=POOLED,
        pos_embed_max_size=7, **options,
    ))
    fixture = {}
    for seed, (name, (height, width, requests, clip, t5)) in enumerate(cases.items()):
        inputs = {
            "sample": numbers([seed, 0], requests, model.config.in_channels, height, width),
            "timestep": torch.tensor([1000.0, 500.0, 62.5])[:requests],
            "clip": numbers([seed, 1], requests, clip, CLIP),
            "text": numbers([seed, 2], requests, t5, T5),
            "pooled_text": numbers([seed, 3], requests, POOLED),
        }
        case = reference(model, run, inputs)
        inputs["sample"] = channels_last(inputs["sample"].unsqueeze(2))
        fixture |= {f"{name}.{key}": value for key, value in (inputs | case).items()}
    save_generated(folder, model, fixture)


def make(folder):
    make_one(
        folder / "medium", MEDIUM, in_channels=3, out_channels=4, num_layers=3, num_attention_heads=2,
        caption_projection_dim=16, dual_attention_layers=(0, 2), qk_norm="rms_norm",
    )
    # Stable Diffusion 3 itself: its queries and keys are as they come.
    make_one(
        folder / "first", FIRST, in_channels=4, out_channels=None, num_layers=2, num_attention_heads=1,
        caption_projection_dim=8,
    )


if __name__ == "__main__":
    main("sd3", make, __doc__)
