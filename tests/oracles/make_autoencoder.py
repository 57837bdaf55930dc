#!/usr/bin/env python3
"""Fixtures of tests/fixtures/models/autoencoder_kl, made by diffusers' AutoencoderKL.

Without arguments, writes them; with --check, compares. Needs torch and diffusers.
"""

from diffusers import AutoencoderKL

from model_fixtures import channels_last, generate_weights, main, numbers, randomise, reference, save, save_generated


def autoencoder(widths, **options):
    levels = len(widths)
    return AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        norm_num_groups=4,
        **options,
    )


def run(model, images, latents):
    posterior = model.encode(images).latent_dist
    return {
        "mean": channels_last(posterior.mean),
        "logvar": channels_last(posterior.logvar),
        "decoded": channels_last(model.decode(latents).sample),
    }


def old_names(name):
    """The names that autoencoders of Stable Diffusion 1.x have in their files."""
    if "attentions" in name:
        for new, old in {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}.items():
            name = name.replace(new, old)
    return name


def make_one(folder, model, image_size, latent_size, rename=None):
    randomise(model, seed=1)
    latent = model.config.latent_channels
    inputs = {
        "images": numbers(2, 3, model.config.in_channels, *image_size, std=0.5),
        "latents": numbers(3, 2, latent, *latent_size),
    }
    case = {k: channels_last(v) for k, v in inputs.items()} | reference(model, run, inputs)
    save(folder, model, case, rename)


def make_flux(folder):
    """FLUX.1's autoencoder, narrower; latents as the denoiser has them (FluxPipeline)."""
    model = generate_weights(autoencoder(
        (4, 8, 8, 12), layers_per_block=2, latent_channels=16, scaling_factor=0.3611, shift_factor=0.1159,
        use_quant_conv=False, use_post_quant_conv=False,
    ))

    def run_scaled(model, images, latents):
        scale, shift = model.config.scaling_factor, model.config.shift_factor
        return {
            "latents_of_images": channels_last((model.encode(images).latent_dist.mode() - shift) * scale),
            "decoded": channels_last(model.decode(latents / scale + shift).sample),
        }

    inputs = {"images": numbers(2, 1, 3, 24, 40, std=0.5), "latents": numbers(3, 2, 16, 3, 2)}
    case = {k: channels_last(v) for k, v in inputs.items()} | reference(model, run_scaled, inputs)
    save_generated(folder, model, case)


def make(folder):
    make_flux(folder / "flux")
    # Odd sides: the halving convolutions pad below and to the right only.
    make_one(folder / "sd1", autoencoder((8, 16), layers_per_block=1), (21, 14), (5, 7), old_names)
    make_one(
        folder / "sd3",
        autoencoder(
            (8, 8),
            layers_per_block=2,
            latent_channels=6,
            scaling_factor=1.5305,
            shift_factor=0.0609,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        (16, 22),
        (6, 5),
    )
    make_one(
        folder / "bundled",
        autoencoder(
            (4, 8, 16),
            layers_per_block=1,
            mid_block_add_attention=False,
            scaling_factor=1.0,
            latents_mean=[0.25, -0.5, 0.125, 1.0],
            latents_std=[0.96, 1.65, 0.69, 1.31],
        ),
        (16, 20),
        (4, 5),
    )


if __name__ == "__main__":
    main("autoencoder_kl", make, __doc__)
