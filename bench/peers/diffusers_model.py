#!/usr/bin/env python3
"""The peer of `zoetrope bench model`: the same cases (bench/models) in Hugging Face diffusers.

  diffusers_model.py CASE.json... --modes eager,cudnn,compiled,fp8 [--out FILE] [--device cpu]

Random weights, one pass, median of --runs. The modes:
  eager     as a user gets it
  cudnn     with cuDNN's attention
  compiled  and with its blocks (an autoencoder: its decoder) compiled by torch.compile
  fp8       and with dynamic fp8 linears (row scales) inside the blocks
Needs diffusers and torch. Writes what it has after every case.
"""

import argparse
import contextlib
import gc
import json
import pathlib
import statistics
import sys
import time

import diffusers
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

FAST_FIRST = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION,
              SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


class Fp8Linear(nn.Module):
    """Weights in e4m3 with a scale a channel; rows of the input are quantised as they come."""

    def __init__(self, layer):
        super().__init__()
        weight = layer.weight.data.float()
        scale = (weight.abs().amax(1, keepdim=True) / 448).clamp_min(1e-12)
        self.register_buffer("weight", (weight / scale).to(torch.float8_e4m3fn))
        self.register_buffer("scale", scale.t().contiguous())
        self.bias = layer.bias

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        scale = (rows.abs().amax(1, keepdim=True).float() / 448).clamp_min(1e-12)
        y = torch._scaled_mm((rows.float() / scale).to(torch.float8_e4m3fn), self.weight.t(),
                             scale_a=scale, scale_b=self.scale, bias=self.bias,
                             out_dtype=torch.bfloat16, use_fast_accum=True)
        return y.reshape(*x.shape[:-1], -1)


def quantise_linears(module):
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear) and min(child.weight.shape) >= 1024:
            setattr(module, name, Fp8Linear(child))
        elif "norm" not in name and "modulation" not in name and "gate" not in name:
            quantise_linears(child)


def build(case, device, dtype):
    config = dict(case["config"])
    cls = getattr(diffusers, config.pop("_class_name"))
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = cls(**config)
    torch.set_default_dtype(torch.float32)
    for parameter in model.parameters():
        parameter.data.normal_(0, 0.02)
    return model.eval()


def call_of(model, case, device, dtype):
    """The pass, and the modules whose compilation the peer recommends."""
    kind = case["config"]["_class_name"]
    b = case.get("rows", 1)
    f, h, w, c = case["latents"]

    def rand(*sizes):
        return torch.randn(*sizes, device=device, dtype=dtype)

    inputs = {name: rand(b, *sizes) if sizes else torch.full((b,), 3.5, device=device)
              for name, sizes in case.get("inputs", {}).items()}
    step = torch.full((b,), 500.0, device=device)
    if kind == "FluxTransformer2DModel":
        tokens = (h // 2) * (w // 2)
        ids = torch.zeros(tokens, 3, device=device)
        ids[:, 1] = torch.arange(tokens, device=device) // (w // 2)
        ids[:, 2] = torch.arange(tokens, device=device) % (w // 2)
        arguments = dict(hidden_states=rand(b, tokens, 4 * c), timestep=(step / 1000).to(dtype),
                         encoder_hidden_states=inputs["text"], guidance=inputs.get("guidance"),
                         pooled_projections=inputs["pooled_text"], img_ids=ids,
                         txt_ids=torch.zeros(inputs["text"].shape[1], 3, device=device))
        blocks = [*model.transformer_blocks, *model.single_transformer_blocks]
    elif kind == "HiDreamImageTransformer2DModel":
        arguments = dict(hidden_states=rand(b, c, h, w), timesteps=step,
                         encoder_hidden_states_t5=inputs["text"],
                         encoder_hidden_states_llama3=inputs["llama"].transpose(0, 1).contiguous(),
                         pooled_embeds=inputs["pooled_text"])
        blocks = [*model.double_stream_blocks, *model.single_stream_blocks]
    elif kind == "WanTransformer3DModel":
        arguments = dict(hidden_states=rand(b, case["config"]["in_channels"], f, h, w),
                         timestep=step, encoder_hidden_states=inputs["text"],
                         encoder_hidden_states_image=inputs.get("image_embeddings"))
        blocks = list(model.blocks)
    elif kind == "I2VGenXLUNet":
        arguments = dict(sample=rand(b, c, f, h, w), timestep=step, fps=inputs["fps"].long(),
                         image_latents=inputs["image_latents"].permute(0, 4, 1, 2, 3).contiguous(),
                         image_embeddings=inputs["image_embeddings"],
                         encoder_hidden_states=inputs["text"])
        blocks = [model]
    elif kind == "AutoencoderKLWan":
        z = rand(b, c, f, h, w)
        return lambda: model.decode(z, return_dict=False)[0], [model.decoder]
    elif kind == "AutoencoderKL":
        model.to(memory_format=torch.channels_last)
        z = rand(b * f, c, h, w).contiguous(memory_format=torch.channels_last)
        return lambda: model.decode(z, return_dict=False)[0], [model.decoder]
    else:
        sys.exit(f"no peer for {kind}")
    return lambda: model(**arguments, return_dict=False)[0], blocks


def median_seconds(call, runs, device):
    def once():
        if device == "cuda":
            torch.cuda.synchronize()
        begin = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    once()
    return statistics.median(once() for _ in range(runs))


def measure(case, modes, runs, device):
    dtype = torch.bfloat16
    model = build(case, device, dtype)
    call, blocks = call_of(model, case, device, dtype)
    result = {"weight_bytes": sum(p.numel() * p.element_size() for p in model.parameters())}
    for mode in modes:
        attention = contextlib.nullcontext()
        if mode != "eager" and device == "cuda":
            attention = sdpa_kernel(FAST_FIRST, set_priority=True)
        begin = time.perf_counter()
        try:
            if mode == "fp8":
                if "Autoencoder" in case["config"]["_class_name"] or "UNet" in case["config"]["_class_name"]:
                    continue
                for block in blocks:
                    quantise_linears(block)
                torch._dynamo.reset()
            if mode in ("compiled", "fp8"):
                torch._dynamo.config.cache_size_limit = 128
                for block in blocks:
                    block.compile()
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            with attention:
                result[f"{mode}_seconds"] = median_seconds(call, runs, device)
            result[f"{mode}_total_seconds"] = time.perf_counter() - begin
            if device == "cuda":
                result[f"{mode}_peak_bytes"] = torch.cuda.max_memory_allocated()
        except Exception as error:  # the others still count
            result[f"{mode}_error"] = str(error)[:300]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", type=pathlib.Path)
    parser.add_argument("--modes", default="eager,cudnn,compiled,fp8")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    report = {"torch": torch.__version__, "diffusers": diffusers.__version__, "cases": {}}
    for path in args.cases:
        report["cases"][path.stem] = measure(json.loads(path.read_text()), args.modes.split(","),
                                             args.runs, args.device)
        print(path.stem, json.dumps(report["cases"][path.stem]), flush=True)
        if args.out:
            args.out.write_text(json.dumps(report, indent=1) + "\n")
        gc.collect()
        if args.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
