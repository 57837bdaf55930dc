#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/autoencoder_kl_wan, made by diffusers' AutoencoderKLWan.

Without arguments, writes them; with --check, compares. Needs torch and diffusers.
"""

from diffusers import AutoencoderKLWan

from model_fixtures import channels_last, generate_weights, main, numbers, reference, save_generated

# In latents; see AutoencoderKlWan::Tiling.
TILE, OVERLAP = 3, 1


def decode_tiled(model, latents):
    scale = model.spatial_compression_ratio
    model.enable_tiling(TILE * scale, TILE * scale, (TILE - OVERLAP) * scale, (TILE - OVERLAP) * scale)
    tiled = model.decode(latents).sample
    model.disable_tiling()
    return tiled


def run(model, clip, latents):
    outputs = {"mean": model.encode(clip).latent_dist.mean, "decoded": model.decode(latents).sample}
    if latents.shape[-1] > TILE or latents.shape[-2] > TILE:
        outputs["tiled"] = decode_tiled(model, latents)
    return {name: channels_last(value) for name, value in outputs.items()}


def make_autoencoder(folder, seed, clip_shape, latents_shape, **options):
    batch, frames, height, width = clip_shape
    model = generate_weights(AutoencoderKLWan(**options))
    inputs = {
        "clip": numbers(seed, batch, 3, frames, height, width, std=0.5).clamp(-1, 1),
        "latents": numbers(seed + 1, latents_shape[0], model.config.z_dim, *latents_shape[1:]),
    }
    case = reference(model, run, inputs)
    case |= {name: channels_last(value).bfloat16() for name, value in inputs.items()}
    save_generated(folder, model, case)


def make(folder):
    # Four levels as the published one, frames halved twice.
    make_autoencoder(
        folder / "wan21", 1, (1, 9, 8, 24), (1, 3, 2, 1), base_dim=4, z_dim=4, num_res_blocks=2,
        latents_mean=[0.25, -0.5, 0.0, 1.0], latents_std=[2.0, 1.5, 0.5, 1.0],
    )
    # One picture of each of two clips; the last column of tiles is one latent wide.
    make_autoencoder(
        folder / "pictures", 2, (2, 1, 8, 12), (2, 1, 3, 5), base_dim=2, z_dim=2, num_res_blocks=1,
        dim_mult=[2, 1, 3], temperal_downsample=[True, False], scale_factor_spatial=4,
        latents_mean=[0.0, 1.0], latents_std=[2.0, 0.5],
    )
    # Tiles of a clip.
    make_autoencoder(
        folder / "tiles", 3, (2, 5, 4, 8), (1, 2, 5, 4), base_dim=2, z_dim=2, num_res_blocks=1,
        dim_mult=[1, 2, 4], temperal_downsample=[True, True], scale_factor_spatial=4,
        latents_mean=[0.0, 1.0], latents_std=[2.0, 0.5],
    )


if __name__ == "__main__":
    main("autoencoder_kl_wan", make, __doc__)
