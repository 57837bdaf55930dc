#!/usr/bin/env python3
"""Fixture of tests/fixtures/pipeline/i2vgen_xl: a whole I2VGen-XL model with tiny random parts, in
the layout that diffusers saves, and what diffusers' pipeline makes with it from a given picture,
prompt and noise.

One thing is changed in diffusers' results: the picture's latents are the mean of the autoencoder's posterior,
not a sample of it (see src/pipeline/encode_roles.cpp).

Without arguments, writes it; with --check, compares. Needs torch, diffusers and transformers.
"""

import json
import pathlib

import numpy
import safetensors.torch
import torch
from diffusers import AutoencoderKL, DDIMScheduler, I2VGenXLPipeline, I2VGenXLUNet
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

import model_fixtures
from model_fixtures import numbers, randomise

PROMPT = "a cat and a rocket"
FRAMES, HEIGHT, WIDTH, STEPS, FPS, GUIDANCE = 4, 24, 32, 4, 8, 5.0
CONTEXT = 12  # width of the text states and of the image embedding
TOKENS = 10


def byte_symbols():
    """GPT-2's printable stand-ins for the 256 bytes, in the order CLIP's vocabularies have."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def tokenizer():
    symbols = byte_symbols()
    merges = [("c", "a"), ("ca", "t</w>"), ("r", "o"), ("c", "k"), ("ro", "ck")]
    words = symbols + [s + "</w>" for s in symbols] + [a + b for a, b in merges]
    vocabulary = {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=TOKENS), len(vocabulary)


def text_encoder(vocabulary):
    config = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=CONTEXT, intermediate_size=24, num_hidden_layers=3, num_attention_heads=3,
        max_position_embeddings=TOKENS, bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )
    return randomise(CLIPTextModel(config), seed=1)


def image_encoder():
    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=16, patch_size=4,
        projection_dim=CONTEXT,
    )
    return randomise(CLIPVisionModelWithProjection(config), seed=2)


def autoencoder():
    model = AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4, latent_channels=4,
    )
    return randomise(model, seed=3)


def unet():
    model = I2VGenXLUNet(
        block_out_channels=(4, 8), down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"), layers_per_block=1, norm_num_groups=2,
        cross_attention_dim=CONTEXT, attention_head_dim=4,
    )
    return randomise(model, seed=4)


def pipeline():
    words, vocabulary = tokenizer()
    return I2VGenXLPipeline(
        vae=autoencoder(),
        text_encoder=text_encoder(vocabulary),
        tokenizer=words,
        image_encoder=image_encoder(),
        feature_extractor=CLIPImageProcessorPil(crop_size=16, size=16),  # whether or not torchvision is there
        unet=unet(),
        scheduler=DDIMScheduler(
            beta_schedule="squaredcos_cap_v2", clip_sample=False, rescale_betas_zero_snr=True,
            prediction_type="v_prediction", timestep_spacing="leading", steps_offset=1,
        ),
    )


def picture():
    """Soft blotches, 48 x 40: neither its size nor its shape is the clip's."""
    coarse = torch.sigmoid(numbers(5, 1, 3, 5, 6))
    smooth = torch.nn.functional.interpolate(coarse, (40, 48), mode="bicubic", align_corners=False)
    return (smooth[0].movedim(0, -1).clamp(0, 1) * 255).round().to(torch.uint8).contiguous()


def resized(image, size, method):
    return torch.from_numpy(numpy.array(Image.fromarray(image.numpy()).resize(size, method)))


def run(pipe, image, noise, output_type):
    with torch.no_grad():
        return pipe(
            PROMPT, Image.fromarray(image.numpy()), height=HEIGHT, width=WIDTH, target_fps=FPS, num_frames=FRAMES,
            num_inference_steps=STEPS, guidance_scale=GUIDANCE, latents=noise.movedim(-1, 0)[None], decode_chunk_size=2,
            output_type=output_type,
        ).frames


def make(folder):
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mode()
    # transformers 5 dropped the layer between the model and its final norm that the pipeline names.
    CLIPTextModel.text_model = property(lambda self: self)
    pipe = pipeline()
    pipe.set_progress_bar_config(disable=True)
    image = picture()
    noise = numbers(6, FRAMES, HEIGHT // 2, WIDTH // 2, 4)
    latents = run(pipe, image, noise, "latent")
    frames = torch.from_numpy(run(pipe, image, noise, "np"))[0]
    case = {
        "picture": image,
        "picture_box": resized(image, (37, 29), Image.BOX),
        "picture_triangle": resized(image, (16, 50), Image.BILINEAR),
        "noise": noise,
        "latents": latents[0].movedim(0, -1).contiguous(),
        "frames": (frames * 255).round().to(torch.uint8).contiguous(),
    }
    pipe.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"sample_size": [HEIGHT, WIDTH], "num_frames": FRAMES}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    for extra in folder.rglob("*"):
        if extra.is_file() and extra.suffix not in (".json", ".safetensors"):
            extra.unlink()
    safetensors.torch.save_file(case, folder / "case.safetensors")


if __name__ == "__main__":
    model_fixtures.FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "pipeline"
    model_fixtures.main("i2vgen_xl", make, __doc__)
