#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/flux, made by diffusers' FluxTransformer2DModel.

Without arguments, writes them; with --check, compares. Needs torch and diffusers.
"""

import torch
from diffusers import FluxPipeline, FluxTransformer2DModel

from model_fixtures import channels_last, generate_weights, main, numbers, reference, save_generated


def run(model, sample, timestep, text, pooled_text, guidance=None):
    """sample [b, c, h, w] as the pipeline has it, timestep in 0..1000."""
    batch, channels, height, width = sample.shape
    taps = {}

    def keep(name):
        # Both kinds of blocks return text and image.
        return lambda module, inputs, output: taps.__setitem__(name, torch.cat(output, 1))

    hooks = [
        model.transformer_blocks[-1].register_forward_hook(keep("double")),
        model.single_transformer_blocks[0].register_forward_hook(keep("single")),
    ]
    out = model(
        hidden_states=FluxPipeline._pack_latents(sample, batch, channels, height, width),
        encoder_hidden_states=text,
        pooled_projections=pooled_text,
        timestep=timestep / 1000,
        guidance=guidance,
        img_ids=FluxPipeline._prepare_latent_image_ids(batch, height // 2, width // 2, sample.device, sample.dtype),
        txt_ids=torch.zeros(text.shape[1], 3),
    ).sample
    for hook in hooks:
        hook.remove()
    # Sizes in pixels, of an autoencoder that shrinks by 8.
    prediction = FluxPipeline._unpack_latents(out, height * 8, width * 8, 8)
    return taps | {"prediction": channels_last(prediction.unsqueeze(2))}


def make_one(folder, model, batch, size, text_tokens, guidance):
    generate_weights(model)
    config = model.config
    # A thousandth of each timestep and a thousand times each guidance are numbers that bf16 represents: the
    # reference rounds them.
    inputs = {
        "sample": numbers(1, batch, config.in_channels // 4, *size),
        "timestep": torch.tensor([1000.0, 500.0, 62.5][:batch]),
        "text": numbers(2, batch, text_tokens, config.joint_attention_dim),
        "pooled_text": numbers(3, batch, config.pooled_projection_dim),
    }
    if guidance:
        inputs["guidance"] = torch.tensor([4.0, 1.0, 2.0][:batch])
    case = inputs | {"sample": channels_last(inputs["sample"].unsqueeze(2))}
    save_generated(folder, model, case | reference(model, run, inputs))


def make(folder):
    sizes = {"joint_attention_dim": 20, "pooled_projection_dim": 12}
    make_one(
        folder / "dev",
        FluxTransformer2DModel(
            **sizes, in_channels=16, num_layers=2, num_single_layers=3, attention_head_dim=16, num_attention_heads=3,
            axes_dims_rope=(4, 6, 6), guidance_embeds=True,
        ),
        2, (6, 10), 7, guidance=True,
    )
    make_one(
        folder / "schnell",
        FluxTransformer2DModel(
            **sizes, in_channels=16, out_channels=8, num_layers=1, num_single_layers=1, attention_head_dim=24,
            num_attention_heads=2, axes_dims_rope=(8, 12, 4),
        ),
        3, (12, 2), 1, guidance=False,
    )


if __name__ == "__main__":
    main("flux", make, __doc__)
