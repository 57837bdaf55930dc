#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/animate_unet, made by diffusers' I2VGenXLUNet and, for the
variants of the bundled model, by animate_oracle.py.

Without arguments, writes them; with --check, compares. Needs torch and diffusers.
"""

import json
import pathlib

import safetensors.torch
import torch
from diffusers import I2VGenXLUNet

from animate_oracle import VARIANT, AnimateUNet
from model_fixtures import generate_weights, main, numbers, reference, save_generated


def inputs(seed, batch, frames, size, channels, context, timesteps, fps):
    return {
        "sample": numbers([seed, 0], batch, frames, channels, *size),
        "image_latents": numbers([seed, 1], batch, frames, channels, *size),
        "text": numbers([seed, 2], batch, 5, context),
        "image_embeddings": numbers([seed, 3], batch, context),
        "timestep": torch.tensor(timesteps),
        "fps": torch.tensor(fps),
    }


def run_diffusers(model, sample, image_latents, text, image_embeddings, timestep, fps):
    out = model(
        sample.transpose(1, 2),
        timestep,
        fps,
        image_latents.transpose(1, 2),
        image_embeddings,
        text,
    ).sample
    return {"prediction": out.permute(0, 2, 3, 4, 1)}


def run_oracle(model, sample, image_latents, text, image_embeddings, timestep, fps, guidance=None):
    out = model(sample, timestep, model.condition(text, image_latents, fps, guidance))
    return {"prediction": out.permute(0, 1, 3, 4, 2)}


def case(model, run, prefix, given):
    """Named `prefix.x`, in the layout of the C++ side."""
    result = given | reference(model, run, given)
    for name in ("sample", "image_latents"):
        result[name] = result[name].permute(0, 1, 3, 4, 2)
    return {f"{prefix}.{name}": value.contiguous() for name, value in result.items()}


def i2vgen(widths, down, up, **options):
    attention = {True: "CrossAttn", False: ""}
    return I2VGenXLUNet(
        block_out_channels=widths,
        down_block_types=tuple(attention[a] + "DownBlock3D" for a in down),
        up_block_types=tuple(attention[a] + "UpBlock3D" for a in up),
        norm_num_groups=2,
        **options,
    )


def make_i2vgen(folder, seed, model, sizes):
    generate_weights(model)
    context = model.config.cross_attention_dim
    cases = {}
    for prefix, (batch, frames, size) in sizes.items():
        timesteps, fps = [999, 1, 250][:batch], [8, 16, 30][:batch]
        given = inputs(seed, batch, frames, size, 4, context, timesteps, fps)
        cases |= case(model, run_diffusers, prefix, given)
    save_generated(folder, model, cases)


BUNDLED = VARIANT | {
    "_class_name": "I2VGenXLUNet",
    "in_channels": 2,
    "out_channels": 2,
    "block_out_channels": [8, 16],
    "down_block_types": ["CrossAttnDownBlock3D", "CrossAttnDownBlock3D"],
    "up_block_types": ["CrossAttnUpBlock3D", "CrossAttnUpBlock3D"],
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "cross_attention_dim": 12,
    "attention_head_dim": 4,
    "latent_fold": 2,
    "position_size": 8,
    "position_frames": 6,
    "time_embed_dim": 20,
    "temporal_conv_layers": 2,
    "feed_forward_multiple": 2,
    "image_context_size": 8,
}


def make_bundled(folder, config):
    model = generate_weights(AnimateUNet(config))
    cases = {}
    for prefix, (batch, frames) in {"still": (1, 1), "clip": (3, 5)}.items():
        # A negative value in the fps slot means that it is not given.
        timesteps, fps = [999, 1, 250][:batch], [0, -1, 70][:batch]
        given = inputs(4, batch, frames, (16, 16), 2, 12, timesteps, fps)
        if config.get("guidance_embeds", False):
            given["guidance"] = torch.tensor([[1.5, 3.0], [1.0, 5.0], [2.25, 1.125]][:batch])
        cases |= case(model, run_oracle, prefix, given)
    save_generated(folder, model, cases, config)


def make_shipped(folder, component):
    """The bundled model itself; its weights stay where they are."""
    source = pathlib.Path(__file__).parents[2] / "models/animate" / component
    model = AnimateUNet(json.loads((source / "config.json").read_text())).eval()
    weights = safetensors.torch.load_file(source / "diffusion_pytorch_model.safetensors")
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    given = inputs(5, 1, 4, (32, 32), 4, 160, [700], [70])
    if component == "student":
        given["guidance"] = torch.tensor([[1.5, 3.0]])
    folder.mkdir(parents=True)
    safetensors.torch.save_file(case(model, run_oracle, "clip", given), folder / "case.safetensors")


def make(folder):
    # Odd sides: enlarging must meet the size of the skip connection.
    make_i2vgen(
        folder / "shallow",
        1,
        i2vgen((8, 16), (True, False), (False, True), layers_per_block=1, cross_attention_dim=8, attention_head_dim=4),
        {"still": (1, 1, (7, 5)), "clip": (3, 5, (9, 6))},
    )
    make_i2vgen(
        folder / "deep",
        2,
        i2vgen(
            (4, 8, 8),
            (False, True, True),
            (True, False, True),
            layers_per_block=2,
            cross_attention_dim=12,
            attention_head_dim=2,
        ),
        {"clip": (2, 3, (13, 10))},
    )
    make_bundled(folder / "bundled", BUNDLED)
    make_bundled(folder / "distilled", BUNDLED | {"guidance_embeds": True})
    make_shipped(folder / "shipped", "unet")
    make_shipped(folder / "shipped_student", "student")


if __name__ == "__main__":
    main("animate_unet", make, __doc__)
