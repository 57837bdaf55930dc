#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/wan, made by diffusers' WanTransformer3DModel.

Without arguments, writes them; with --check, compares. Needs torch and diffusers.
"""

import copy

import torch
from diffusers import WanTransformer3DModel

from model_fixtures import channels_last, generate_weights, main, numbers, reference, save_generated

# The reference takes the last 512 tokens of the joined context for text, whatever it was given.
TEXT_TOKENS = 512


def make_transformer(folder, seed, batch, frames, height, width, text_tokens, image_tokens=0, **options):
    model = generate_weights(
        WanTransformer3DModel(num_attention_heads=2, out_channels=4, text_dim=6, freq_dim=16, ffn_dim=40, num_layers=2, **options)
    )
    inputs = {
        "clip": numbers(seed, batch, model.config.in_channels, frames, height, width),
        "timestep": torch.tensor([1000.0, 62.25, 500.0])[:batch],
        "text": numbers(seed + 1, batch, text_tokens, model.config.text_dim),
    }
    if image_tokens:
        # First and last picture are rows of their own to the reference, one sequence to its network.
        pictures = 2 if model.config.pos_embed_seq_len else 1
        inputs["image_embeddings"] = numbers(seed + 2, batch * pictures, image_tokens, model.config.image_dim)
    # Angles rounded to bf16 are nobody's way to run it: diffusers keeps the table in fp32.
    rope = copy.deepcopy(model.rope)

    def run(model, clip, timestep, text, image_embeddings=None):
        model.rope = rope
        first = []
        hook = model.blocks[0].register_forward_hook(lambda module, given, output: first.append(output))
        sample = model(clip, timestep, text, image_embeddings).sample
        hook.remove()
        return {"sample": channels_last(sample), "blocks.0": first[0]}

    case = reference(model, run, inputs)
    clip = channels_last(inputs.pop("clip"))
    inputs["noise"], inputs["image"] = clip.split([4, clip.shape[-1] - 4], -1)
    if image_tokens:
        inputs["image_embeddings"] = inputs["image_embeddings"].reshape(batch, -1, model.config.image_dim)
    # Exact in bf16, see numbers().
    case |= {name: value.bfloat16() for name, value in inputs.items()}
    save_generated(folder, model, {name: value for name, value in case.items() if value.numel() > 0})


def make(folder):
    # From text, as Wan2.1's 1.3B and 14B; a head of 14 channels turns 6 with time and 4 + 4 with place.
    make_transformer(
        folder / "text", 1, batch=3, frames=5, height=4, width=10, text_tokens=7,
        attention_head_dim=14, in_channels=4,
    )
    # One frame, patches longer than wide; the channels of a picture but no embeddings: Wan2.2's.
    make_transformer(
        folder / "picture", 2, batch=1, frames=2, height=9, width=4, text_tokens=1,
        attention_head_dim=12, in_channels=9, patch_size=(2, 3, 1), eps=1e-4,
    )
    # Wan2.1 from a picture.
    make_transformer(
        folder / "picture_clip", 3, batch=2, frames=5, height=4, width=6, text_tokens=TEXT_TOKENS, image_tokens=5,
        attention_head_dim=12, in_channels=9, image_dim=8, added_kv_proj_dim=24,
    )
    # Wan2.1 between two pictures.
    make_transformer(
        folder / "two_pictures", 4, batch=2, frames=1, height=4, width=4, text_tokens=TEXT_TOKENS, image_tokens=3,
        attention_head_dim=12, in_channels=9, image_dim=8, added_kv_proj_dim=24, pos_embed_seq_len=6,
    )


if __name__ == "__main__":
    main("wan", make, __doc__)
