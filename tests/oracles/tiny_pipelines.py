"""Whole diffusion-transformer pipelines with tiny generated parts, and what diffusers makes with them
from a given noise. For make_transformer_pipelines.py and generate_test.py.

One thing is changed in diffusers' results: a picture's latents are the mean of the autoencoder's
posterior, not a sample of it (see src/pipeline/autoencoder.h).
"""
import dataclasses
import pathlib
import typing

import diffusers
import numpy
import torch
import transformers
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image

from model_fixtures import generate_weights, numbers

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
# Folders of tokenizers, from FIXTURES.
TOKENIZERS = {"clip": "pipeline/i2vgen_xl/tokenizer", "t5": "text/t5", "umt5": "text/umt5", "llama3": "text/llama3"}
PROMPT, NEGATIVE = "a cat & a rocket taking off", "blurry"
CLIP_TOKENS = 10  # model_max_length of that tokenizer
SECOND_EXPERT = 0.875  # its weights are the first one's times this


@dataclasses.dataclass
class Case:
    pipeline: typing.Any
    tokenizers: dict  # component: key of TOKENIZERS
    request: dict  # in the words of `zoetrope generate`
    noise: torch.Tensor  # [f, h, w, c]
    frames: torch.Tensor  # u8 [f, h, w, 3]
    picture: typing.Any = None  # PIL


def tokenizer(kind):
    folder = FIXTURES / TOKENIZERS[kind]
    if kind == "umt5":  # as transformers 4 wrote it: version 5 does not read its own configuration
        return transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(folder / "tokenizer.json"), eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    cls = {"clip": transformers.CLIPTokenizer, "t5": transformers.T5Tokenizer}
    made = cls.get(kind, transformers.PreTrainedTokenizerFast).from_pretrained(folder)
    if kind == "t5":
        made.model_max_length = 512  # as T5's own, not as the fixture's
    return made


def clip(projection, positions, width=16):
    words = tokenizer("clip")
    config = transformers.CLIPTextConfig(
        vocab_size=len(words), hidden_size=width, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=positions, bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id, projection_dim=width,
    )
    cls = transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel
    return generate_weights(cls(config))


def t5(kind, width=20):
    config_class, cls = (
        (transformers.UMT5Config, transformers.UMT5EncoderModel) if kind == "umt5"
        else (transformers.T5Config, transformers.T5EncoderModel)
    )
    return generate_weights(cls(config_class(
        vocab_size=len(tokenizer(kind)), d_model=width, d_kv=8, d_ff=24, num_layers=2, num_heads=2,
        feed_forward_proj="gated-gelu",
    )))


def llama(width=24):
    return generate_weights(transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=len(tokenizer("llama3")), hidden_size=width, intermediate_size=32, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False,
        rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 64},
    )))


def picture_vae():
    return generate_weights(diffusers.AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4, latent_channels=4, use_quant_conv=False,
        use_post_quant_conv=False, shift_factor=0.12, scaling_factor=0.36,
    ))


def video_vae():
    return generate_weights(diffusers.AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.1, -0.2, 0.3, 0.0], latents_std=[1.5, 0.7, 1.0, 2.0],
    ))


def flow_unipc():
    return diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)


def bytes_of(frames):
    return torch.from_numpy((numpy.asarray(frames) * 255).round().astype(numpy.uint8))


def some_picture(width, height):
    rows, columns = numpy.mgrid[0:height, 0:width]
    pixels = numpy.stack([columns * 255 // width, rows * 255 // height, (rows * columns) % 256], -1)
    return Image.fromarray(pixels.astype(numpy.uint8))


def flux_parts(pipeline_class):
    transformer = generate_weights(diffusers.FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=20, pooled_projection_dim=16, axes_dims_rope=(4, 6, 6), guidance_embeds=True,
    ))
    pipeline = pipeline_class(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        vae=picture_vae(), text_encoder=clip(False, CLIP_TOKENS), tokenizer=tokenizer("clip"), text_encoder_2=t5("t5"),
        tokenizer_2=tokenizer("t5"), transformer=transformer,
    )
    return pipeline, {"tokenizer": "clip", "tokenizer_2": "t5"}


def flux():
    """Embedded guidance and, with a negative prompt, true guidance besides."""
    pipeline, tokenizers = flux_parts(diffusers.FluxPipeline)
    noise = numbers(1, 1, 4, 12, 16)
    packed = pipeline._pack_latents(noise, 1, 4, 12, 16)
    out = pipeline(
        PROMPT, negative_prompt=NEGATIVE, true_cfg_scale=2.0, height=24, width=32, num_inference_steps=4,
        guidance_scale=2.5, latents=packed, output_type="np",
    )
    request = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "true_cfg_scale": 2.0, "height": 24, "width": 32, "steps": 4,
               "guidance": 2.5}
    return Case(pipeline, tokenizers, request, noise.permute(0, 2, 3, 1), bytes_of(out.images))


def flux_from_picture():
    pipeline, tokenizers = flux_parts(diffusers.FluxImg2ImgPipeline)
    noise = numbers(2, 1, 4, 16, 12)
    picture = some_picture(24, 32)
    drawn = diffusers.pipelines.flux.pipeline_flux_img2img.randn_tensor
    diffusers.pipelines.flux.pipeline_flux_img2img.randn_tensor = lambda shape, **options: noise
    try:
        out = pipeline(
            PROMPT, image=picture, strength=0.7, height=32, width=24, num_inference_steps=5, guidance_scale=2.5,
            output_type="np",
        )
    finally:
        diffusers.pipelines.flux.pipeline_flux_img2img.randn_tensor = drawn
    request = {"prompt": PROMPT, "strength": 0.7, "height": 32, "width": 24, "steps": 5, "guidance": 2.5}
    # A checkpoint names the pipeline that makes pictures of text; the other reads the same files.
    text_pipeline = diffusers.FluxPipeline(**{k: v for k, v in pipeline.components.items()})
    return Case(text_pipeline, tokenizers, request, noise.permute(0, 2, 3, 1), bytes_of(out.images), picture)


def hidream():
    transformer = generate_weights(diffusers.HiDreamImageTransformer2DModel(
        patch_size=2, in_channels=4, out_channels=4, num_layers=1, num_single_layers=2, attention_head_dim=16,
        num_attention_heads=2, caption_channels=[20, 24], text_emb_dim=32, num_routed_experts=4, num_activated_experts=2,
        axes_dims_rope=[8, 4, 4], max_resolution=[16, 16], llama_layers=[0, 2, 1],
    ))
    pipeline = diffusers.HiDreamImagePipeline(
        scheduler=flow_unipc(), vae=picture_vae(), text_encoder=clip(True, 128), tokenizer=tokenizer("clip"),
        text_encoder_2=clip(True, 128), tokenizer_2=tokenizer("clip"), text_encoder_3=t5("t5"),
        tokenizer_3=tokenizer("t5"), text_encoder_4=llama(), tokenizer_4=tokenizer("llama3"), transformer=transformer,
    )
    noise = numbers(3, 1, 4, 12, 16)
    # The pipeline brings every size to its own area: that of 12 x 16 latents.
    pipeline.default_sample_size = (12 * 16 + 0.1) ** 0.5
    out = pipeline(
        PROMPT, negative_prompt=NEGATIVE, height=24, width=32, num_inference_steps=4, guidance_scale=3.0,
        latents=noise, output_type="np",
    )
    request = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "height": 24, "width": 32, "steps": 4, "guidance": 3.0}
    tokenizers = {"tokenizer": "clip", "tokenizer_2": "clip", "tokenizer_3": "t5", "tokenizer_4": "llama3"}
    return Case(pipeline, tokenizers, request, noise.permute(0, 2, 3, 1), bytes_of(out.images))


def sd3():
    transformer = generate_weights(diffusers.SD3Transformer2DModel(
        sample_size=8, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=40, caption_projection_dim=32, pooled_projection_dim=32, pos_embed_max_size=12,
        dual_attention_layers=(0,), qk_norm="rms_norm",
    ))
    pipeline = diffusers.StableDiffusion3Pipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), vae=picture_vae(),
        text_encoder=clip(True, CLIP_TOKENS), tokenizer=tokenizer("clip"), text_encoder_2=clip(True, CLIP_TOKENS),
        tokenizer_2=tokenizer("clip"), text_encoder_3=t5("t5", width=40), tokenizer_3=tokenizer("t5"),
        transformer=transformer,
    )
    noise = numbers(6, 1, 4, 12, 16)
    out = pipeline(
        PROMPT, negative_prompt=NEGATIVE, height=24, width=32, num_inference_steps=4, guidance_scale=3.0,
        latents=noise, output_type="np",
    )
    request = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "height": 24, "width": 32, "steps": 4, "guidance": 3.0}
    tokenizers = {"tokenizer": "clip", "tokenizer_2": "clip", "tokenizer_3": "t5"}
    return Case(pipeline, tokenizers, request, noise.permute(0, 2, 3, 1), bytes_of(out.images))


def wan_transformer(**options):
    return generate_weights(diffusers.WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, out_channels=4, text_dim=20, freq_dim=16, ffn_dim=40, num_layers=2,
        **options,
    ))


def wan(experts=1):
    options = {}
    if experts == 2:  # Wan 2.2
        options = {"transformer_2": generate_weights(wan_transformer(in_channels=4)), "boundary_ratio": 0.8}
        for parameter in options["transformer_2"].parameters():
            parameter.data.mul_(SECOND_EXPERT)
    pipeline = diffusers.WanPipeline(
        tokenizer=tokenizer("umt5"), text_encoder=t5("umt5"), vae=video_vae(), scheduler=flow_unipc(),
        transformer=wan_transformer(in_channels=4), **options,
    )
    noise = numbers(4, 1, 4, 2, 4, 6)
    out = pipeline(
        PROMPT, negative_prompt=NEGATIVE, height=32, width=48, num_frames=5, num_inference_steps=4, guidance_scale=3.0,
        latents=noise, output_type="np",
    )
    request = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "height": 32, "width": 48, "frames": 5, "steps": 4,
               "guidance": 3.0}
    return Case(pipeline, {"tokenizer": "umt5"}, request, noise[0].permute(1, 2, 3, 0), bytes_of(out.frames[0]))


def wan_two_experts():
    return wan(experts=2)


def wan_from_picture():
    vision = generate_weights(transformers.CLIPVisionModel(transformers.CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, image_size=16, patch_size=4,
        projection_dim=16,
    )))
    pipeline = diffusers.WanImageToVideoPipeline(
        tokenizer=tokenizer("umt5"), text_encoder=t5("umt5"), vae=video_vae(), scheduler=flow_unipc(),
        transformer=wan_transformer(in_channels=12, image_dim=16, added_kv_proj_dim=24), image_encoder=vision,
        image_processor=transformers.CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=16),
    )
    # As large as the image encoder wants it, so that nobody resamples.
    picture = some_picture(16, 16)
    noise = numbers(5, 1, 4, 2, 2, 2)
    out = pipeline(
        picture, PROMPT, negative_prompt=NEGATIVE, height=16, width=16, num_frames=5, num_inference_steps=4,
        guidance_scale=3.0, latents=noise, output_type="np",
    )
    request = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "height": 16, "width": 16, "frames": 5, "steps": 4,
               "guidance": 3.0}
    return Case(pipeline, {"tokenizer": "umt5"}, request, noise[0].permute(1, 2, 3, 0), bytes_of(out.frames[0]), picture)


CASES = {make.__name__: make for make in (flux, flux_from_picture, hidream, sd3, wan, wan_two_experts, wan_from_picture)}


def make_case(name):
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mean
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    with torch.no_grad():
        return CASES[name]()
