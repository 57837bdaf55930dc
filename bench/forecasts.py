#!/usr/bin/env python3
"""What `zoetrope inspect` forecasts for models as they are published, without their weights.

  forecasts.py ZOETROPE [NAME...] [--folders DIR]

Writes folders of the published configurations whose weights are holes in files, as large as the real
ones but on no disk, and prints docs/models.md's table of memory. The tokenizers are those of the
fixtures: only their limits count here. --folders keeps the folders (for whole_models.py). Needs diffusers and transformers (./test --oracles installs
both); a zoetrope with CUDA forecasts its own kernels, one without takes torch's.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "oracles"))

import diffusers  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

from tiny_pipelines import tokenizer  # noqa: E402


def network(case):
    config = json.loads((ROOT / "bench" / "models" / f"{case}.json").read_text())["config"]
    return getattr(diffusers, config.pop("_class_name"))(**config)


def clip(width, projection):
    config = transformers.CLIPTextConfig(
        hidden_size=width, intermediate_size=4 * width, num_attention_heads=width // 64, projection_dim=width,
        num_hidden_layers=12 if width == 768 else 32, hidden_act="quick_gelu" if width == 768 else "gelu",
        bos_token_id=49406, eos_token_id=49407, pad_token_id=1)
    cls = transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel
    return cls(config)


def t5(kind):
    config, cls, size = ((transformers.UMT5Config, transformers.UMT5EncoderModel, 256384) if kind == "umt5"
                         else (transformers.T5Config, transformers.T5EncoderModel, 32128))
    return cls(config(vocab_size=size, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
                      feed_forward_proj="gated-gelu"))


def llama():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
        num_key_value_heads=8, tie_word_embeddings=False, max_position_embeddings=131072, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}))


def flow(shift=3.0):
    return diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)


def unipc():
    with torch.device("cpu"):
        return diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True,
                                                 flow_shift=5.0)


def flux():
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        vae=network("flux_vae_1024"), text_encoder=clip(768, False), tokenizer=tokenizer("clip"),
        text_encoder_2=t5("t5"), tokenizer_2=tokenizer("t5"), transformer=network("flux_1024"))


def sd3(layers, heads, dual):
    return lambda: diffusers.StableDiffusion3Pipeline(
        scheduler=flow(), vae=network("flux_vae_1024"), text_encoder=clip(768, True), tokenizer=tokenizer("clip"),
        text_encoder_2=clip(1280, True), tokenizer_2=tokenizer("clip"), text_encoder_3=t5("t5"),
        tokenizer_3=tokenizer("t5"), transformer=diffusers.SD3Transformer2DModel(
            sample_size=128, in_channels=16, out_channels=16, num_layers=layers, attention_head_dim=64,
            num_attention_heads=heads, joint_attention_dim=4096, caption_projection_dim=64 * heads,
            pooled_projection_dim=2048, pos_embed_max_size=192 if heads == 38 else 384,
            dual_attention_layers=tuple(range(dual)), qk_norm="rms_norm"))


def hidream():
    return diffusers.HiDreamImagePipeline(
        scheduler=unipc(), vae=network("flux_vae_1024"), text_encoder=clip(768, True), tokenizer=tokenizer("clip"),
        text_encoder_2=clip(1280, True), tokenizer_2=tokenizer("clip"), text_encoder_3=t5("t5"),
        tokenizer_3=tokenizer("t5"), text_encoder_4=llama(), tokenizer_4=tokenizer("llama3"),
        transformer=network("hidream_1024"))


def wan(case, experts=1):
    def make():
        options = {"transformer_2": network(case), "boundary_ratio": 0.875} if experts == 2 else {}
        return diffusers.WanPipeline(tokenizer=tokenizer("umt5"), text_encoder=t5("umt5"), vae=network("wan_vae_480p"),
                                     scheduler=unipc(), transformer=network(case), **options)
    return make


def wan_small():
    return diffusers.WanPipeline(
        tokenizer=tokenizer("umt5"), text_encoder=t5("umt5"), vae=network("wan_vae_480p"), scheduler=unipc(),
        transformer=diffusers.WanTransformer3DModel(
            num_attention_heads=12, attention_head_dim=128, in_channels=16, out_channels=16, text_dim=4096, freq_dim=256,
            ffn_dim=8960, num_layers=30, cross_attn_norm=True, qk_norm="rms_norm_across_heads"))


def wan_from_picture():
    vision = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, image_size=224,
        patch_size=14, hidden_act="gelu"))
    return diffusers.WanImageToVideoPipeline(
        tokenizer=tokenizer("umt5"), text_encoder=t5("umt5"), vae=network("wan_vae_480p"), scheduler=unipc(),
        transformer=network("wan14b_i2v_480p"), image_encoder=vision, image_processor=transformers.CLIPImageProcessor())


PICTURE, CLIP_480P, CLIP_720P = (1024, 1024, 1), (832, 480, 81), (1280, 720, 81)
MODELS = {
    "FLUX.1-dev": (flux, [PICTURE]),
    "Stable Diffusion 3.5 large": (sd3(38, 38, 0), [PICTURE]),
    "Stable Diffusion 3.5 medium": (sd3(24, 24, 13), [PICTURE]),
    "HiDream-I1": (hidream, [PICTURE]),
    "Wan2.1 1.3B": (wan_small, [CLIP_480P]),
    "Wan2.1 14B": (wan("wan14b_480p"), [CLIP_480P, CLIP_720P]),
    "Wan2.1 14B from a picture": (wan_from_picture, [CLIP_480P, CLIP_720P]),
    "Wan2.2 14B, two experts": (wan("wan14b_480p", 2), [CLIP_480P]),
}


def save_holes(module, path):
    """A safetensors file in bf16 without contents."""
    header, at, seen = {}, 0, set()
    for name, value in module.state_dict(keep_vars=True).items():
        if id(value) in seen or not value.is_floating_point():  # tied weights are saved once
            continue
        seen.add(id(value))
        header[name] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [at, at + 2 * value.numel()]}
        at += 2 * value.numel()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)


def save(pipeline, folder):
    pipeline.save_config(folder)
    for name, part in pipeline.components.items():
        if part is None:
            continue
        (folder / name).mkdir()
        if isinstance(part, transformers.PreTrainedModel):
            part.config.architectures = [type(part).__name__]
            part.config.save_pretrained(folder / name)
            save_holes(part, folder / name / "model.safetensors")
        elif isinstance(part, torch.nn.Module):
            part.save_config(folder / name)
            save_holes(part, folder / name / "diffusion_pytorch_model.safetensors")
        else:
            part.save_pretrained(folder / name)


def gb(size):
    return f"{size / 1e9:.1f}"


def forecast(zoetrope, folder, size):
    width, height, frames = size
    options = ["--width", str(width), "--height", str(height)]
    if frames > 1:
        options += ["--frames", str(frames)]
    done = subprocess.run([zoetrope, "inspect", folder, "--dtype", "bf16", "--json", *options], stdout=subprocess.PIPE)
    report = json.loads(done.stdout)
    if "gpu_memory" not in report:
        sys.exit(f"{folder}: {json.dumps(report)[:2000]}")
    return report["gpu_memory"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoetrope")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODELS))
    parser.add_argument("--folders", type=pathlib.Path, metavar="DIR", help="keep the folders here")
    args = parser.parse_args()
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    print("| model | shape | weights | a step | decoding | in tiles | peak |\n|---|---|---:|---:|---:|---:|---:|")
    for name in args.names or MODELS:
        make, sizes = MODELS[name]
        with tempfile.TemporaryDirectory() as temporary:
            folder = args.folders / name if args.folders else pathlib.Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            with torch.device("meta"):
                pipeline = make()
            save(pipeline, folder)
            for size in sizes:
                memory = forecast(args.zoetrope, folder, size)
                weights, roles = memory["components"], memory["roles"]
                parts = ", ".join(f"{part} {gb(n)}" for part, n in weights.items() if n >= 2e9)
                shape = f"{size[0]} x {size[1]}" + (f", {size[2]} frames" if size[2] > 1 else "")
                print(f"| {name} | {shape} | {gb(sum(weights.values()))} ({parts}) | {gb(roles['denoise'])} | "
                      f"{gb(roles['decode'])} | {gb(roles.get('decode in tiles', roles['decode']))} | "
                      f"{gb(memory['peak_bytes'])} |", flush=True)


if __name__ == "__main__":
    main()
