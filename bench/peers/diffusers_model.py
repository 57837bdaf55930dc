#!/usr/bin/env python3
"""The peer of `zoetrope bench model`: the same cases (bench/models) in Hugging Face diffusers.

  diffusers_model.py CASE.json... --modes eager,cudnn,compiled,fp8 [--out FILE] [--device cpu]

Random weights, one pass, median of --runs. Weights and inputs are drawn by name, as
src/bench/random_weights.h draws them, so that with the same PyTorch both sides compute the same;
--compare FILE says how far the result of `zoetrope bench model` in it is away, and with --exact how far both
are from a pass in fp32 with the same weights and inputs. The modes:
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
import safetensors.torch
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
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


def named_normal(name, out, std=1.0):
    """Fills `out` with the numbers of that name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():  # FNV-1a
        seed = ((seed ^ byte) * 0x100000001B3) & (2**64 - 1)
    torch.manual_seed(seed >> 1)
    return out.normal_(0, std)


def build(case, device, dtype):
    config = dict(case["config"])
    cls = getattr(diffusers, config.pop("_class_name"))
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = cls(**config)
    torch.set_default_dtype(torch.float32)
    for name, parameter in model.named_parameters():
        if not bool((parameter == 1).all()):  # scales of norms stay
            named_normal(name, parameter.data, 0.02)
    return model.eval()


def unpacked(tokens, h, w):
    """FLUX's tokens of 2 x 2 latent elements, channels first -> [b, 1, h, w, c]."""
    b, _, width = tokens.shape
    tokens = tokens.view(b, h // 2, w // 2, width // 4, 2, 2).permute(0, 1, 4, 2, 5, 3)
    return tokens.reshape(b, 1, h, w, width // 4)


def packed(latents):
    """unpacked's inverse."""
    b, _, h, w, c = latents.shape
    tokens = latents.view(b, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 5, 2, 4)
    return tokens.reshape(b, h * w // 4, 4 * c)


def call_of(model, case, device, dtype):
    """The pass, the modules whose compilation the peer recommends, and what brings the pass's result
    into our layout."""
    kind = case["config"]["_class_name"]
    b = case.get("rows", 1)
    f, h, w, c = case["latents"]

    def rand(name, *sizes):
        return named_normal(name, torch.empty(*sizes, device=device, dtype=dtype)).to(model.dtype)

    inputs = {name: rand(name, b, *sizes) if sizes else torch.full((b,), 3.0, device=device)
              for name, sizes in case.get("inputs", {}).items()}
    latents = rand("latents", b, f, h, w, c)

    def channels_first(x):
        return x.permute(0, 4, 1, 2, 3).contiguous()

    def channels_last(x):
        return x.permute(0, 2, 3, 4, 1)

    step = torch.full((b,), 500.0, device=device)
    if kind == "FluxTransformer2DModel":
        tokens = (h // 2) * (w // 2)
        ids = torch.zeros(tokens, 3, device=device)
        ids[:, 1] = torch.arange(tokens, device=device) // (w // 2)
        ids[:, 2] = torch.arange(tokens, device=device) % (w // 2)
        arguments = dict(hidden_states=packed(latents), timestep=(step / 1000).to(model.dtype),
                         encoder_hidden_states=inputs["text"], guidance=inputs.get("guidance"),
                         pooled_projections=inputs["pooled_text"], img_ids=ids,
                         txt_ids=torch.zeros(inputs["text"].shape[1], 3, device=device))
        blocks = [*model.transformer_blocks, *model.single_transformer_blocks]
        ours = lambda y: unpacked(y, h, w)
    elif kind == "HiDreamImageTransformer2DModel":
        arguments = dict(hidden_states=channels_first(latents)[:, :, 0], timesteps=step,
                         encoder_hidden_states_t5=inputs["text"],
                         encoder_hidden_states_llama3=inputs["llama"].transpose(0, 1).contiguous(),
                         pooled_embeds=inputs["pooled_text"])
        blocks = [*model.double_stream_blocks, *model.single_stream_blocks]
        ours = lambda y: -y.permute(0, 2, 3, 1)[:, None]  # its pipeline turns the sign, ours has it right
    elif kind == "WanTransformer3DModel":
        sample = torch.cat([latents, inputs["image"]], -1) if "image" in inputs else latents
        arguments = dict(hidden_states=channels_first(sample), timestep=step, encoder_hidden_states=inputs["text"],
                         encoder_hidden_states_image=inputs.get("image_embeddings"))
        blocks = list(model.blocks)
        ours = channels_last
    elif kind == "I2VGenXLUNet":
        arguments = dict(sample=channels_first(latents), timestep=step, fps=inputs["fps"].long(),
                         image_latents=channels_first(inputs["image_latents"]),
                         image_embeddings=inputs["image_embeddings"],
                         encoder_hidden_states=inputs["text"])
        blocks = [model]
        ours = channels_last
    elif kind == "AutoencoderKLWan":
        z = channels_first(latents)
        return lambda: model.decode(z, return_dict=False)[0], [model.decoder], channels_last
    elif kind == "AutoencoderKL":
        model.to(memory_format=torch.channels_last)
        z = latents.view(b * f, h, w, c).permute(0, 3, 1, 2)  # which is channels-last
        return (lambda: model.decode(z, return_dict=False)[0], [model.decoder],
                lambda y: y.permute(0, 2, 3, 1))
    else:
        sys.exit(f"no peer for {kind}")
    return lambda: model(**arguments, return_dict=False)[0], blocks, ours


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


def difference(of, reference):
    """Relative L2, in fp32."""
    reference = reference.float()
    return float(torch.linalg.vector_norm(of.float() - reference) / torch.linalg.vector_norm(reference))


def errors(case, device, dtype, other, theirs):
    """How far both are from the pass in fp32: a rounding's growth through a deep network is the network's."""
    model = build(case, device, dtype).float()  # the same weights
    call, _, ours = call_of(model, case, device, dtype)
    exact = ours(call())
    return {"distance": difference(other, exact), "peer_distance": difference(theirs, exact)}


def compare(model, case, device, dtype, options):
    call, _, ours = call_of(model, case, device, dtype)
    other = safetensors.torch.load_file(options.compare)["result"].to(device)
    theirs = ours(call())
    result = {"difference": difference(other, theirs)}
    if options.exact and dtype != torch.float32:
        try:
            result |= errors(case, device, dtype, other, theirs)
        except torch.OutOfMemoryError as error:  # the rest still counts
            result["exact_error"] = str(error)[:300]
    return result


def measure(case, options):
    device, dtype, modes, runs = options.device, DTYPES[options.dtype], options.modes.split(","), options.runs
    model = build(case, device, dtype)
    call, blocks, _ = call_of(model, case, device, dtype)
    result = {"weight_bytes": sum(p.numel() * p.element_size() for p in model.parameters())}
    if options.compare:
        result |= compare(model, case, device, dtype, options)
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
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
            torch.cuda.empty_cache()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", type=pathlib.Path)
    parser.add_argument("--modes", default="eager,cudnn,compiled,fp8")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--compare", type=pathlib.Path, metavar="FILE",
                        help="safetensors with our `result` of the one CASE")
    parser.add_argument("--exact", action="store_true", help="with --compare: also against fp32")
    parser.add_argument("--dtype", default="bf16", choices=DTYPES)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    report = {"torch": torch.__version__, "diffusers": diffusers.__version__, "cases": {}}
    for path in args.cases:
        report["cases"][path.stem] = measure(json.loads(path.read_text()), args)
        print(path.stem, json.dumps(report["cases"][path.stem]), flush=True)
        if args.out:
            args.out.write_text(json.dumps(report, indent=1) + "\n")
        gc.collect()
        if args.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
