#!/usr/bin/env python3
"""Fixtures of tests/fixtures/original_names: what diffusers makes of the weights of a
checkpoint in its authors' own format.

For each converted weight: its shape, and which rows of which original weight it holds, [name, first,
count], one such for each run of rows. Without arguments, writes them; with --check, compares. Needs
torch and diffusers.
"""

import argparse
import json
import pathlib
import sys

import torch
from diffusers import FluxTransformer2DModel, WanTransformer3DModel
from diffusers.loaders.single_file_utils import (
    convert_flux_transformer_checkpoint_to_diffusers,
    convert_wan_transformer_to_diffusers,
)

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "original_names"
ROWS = 100_000  # more than any weight has

# The converter of FLUX knows the width of the one network there is; nothing else here is wide.
WIDTH = 3072


def layers(names, rows=4):
    return {f"{name}.{kind}": [rows, 2][: 2 if kind == "weight" else 1] for name in names for kind in ("weight", "bias")}


def flux_original():
    shapes = layers(
        ["img_in", "txt_in", "final_layer.linear", "final_layer.adaLN_modulation.1"]
        + [f"{part}.{layer}" for part in ("time_in", "vector_in", "guidance_in") for layer in ("in_layer", "out_layer")]
    )
    for block in ("double_blocks.0", "double_blocks.1"):
        for stream in ("img", "txt"):
            shapes |= layers([f"{block}.{stream}_attn.qkv"], 6)
            shapes |= layers([f"{block}.{stream}_{layer}" for layer in ("mod.lin", "attn.proj", "mlp.0", "mlp.2")])
            shapes |= {f"{block}.{stream}_attn.norm.{norm}_norm.scale": [4] for norm in ("query", "key")}
    for block in ("single_blocks.0", "single_blocks.1"):
        shapes |= layers([f"{block}.linear1"], 7 * WIDTH)
        shapes |= layers([f"{block}.linear2", f"{block}.modulation.lin"])
        shapes |= {f"{block}.norm.{norm}_norm.scale": [4] for norm in ("query", "key")}
    return shapes


def wan_original():
    shapes = layers([f"{name}.{i}" for name in ("time_embedding", "text_embedding") for i in (0, 2)])
    shapes |= layers(["patch_embedding", "time_projection.1", "head.head"] + [f"img_emb.proj.{i}" for i in (0, 1, 3, 4)])
    shapes["head.modulation"] = [1, 2, 4]
    for block in ("blocks.0", "blocks.1"):
        shapes |= layers([f"{block}.{layer}" for layer in ("norm3", "ffn.0", "ffn.2")])
        shapes |= layers([f"{block}.self_attn.{layer}" for layer in "qkvo"])
        shapes |= layers([f"{block}.cross_attn.{layer}" for layer in ("q", "k", "v", "o", "k_img", "v_img")])
        norms = ("self_attn.norm_q", "self_attn.norm_k", "cross_attn.norm_q", "cross_attn.norm_k", "cross_attn.norm_k_img")
        shapes |= {f"{block}.{norm}.weight": [4] for norm in norms}
        shapes[f"{block}.modulation"] = [1, 6, 4]
    return shapes


def runs(tensor, names):
    """Where the rows of a converted tensor come from; each row holds the number of its origin."""
    found = []
    for number in tensor.flatten(1)[:, 0].tolist() if tensor.ndim > 1 else tensor.tolist():
        name, row = names[int(number) // ROWS], int(number) % ROWS
        if found and found[-1][0] == name and sum(found[-1][1:]) == row:
            found[-1][2] += 1
        else:
            found.append([name, row, 1])
    return found


def converted(shapes, convert, model):
    names = list(shapes)
    original = {}
    for index, (name, shape) in enumerate(shapes.items()):
        rows = torch.arange(shape[0], dtype=torch.float64) + index * ROWS
        original[name] = rows.view([-1] + [1] * (len(shape) - 1)).expand(shape).clone()
    made = {name: tensor for name, tensor in sorted(convert(original).items())}
    asked = {name for name, _ in model.named_parameters()}
    if made.keys() != asked:
        sys.exit(f"the oracle's names are not the model's: {made.keys() ^ asked}")
    return {
        "original": shapes,
        "converted": {name: {"shape": list(t.shape), "rows": runs(t, names)} for name, t in made.items()},
    }


def make():
    flux = FluxTransformer2DModel(
        in_channels=4, num_layers=2, num_single_layers=2, attention_head_dim=4, num_attention_heads=1,
        joint_attention_dim=4, pooled_projection_dim=4, guidance_embeds=True, axes_dims_rope=(0, 2, 2),
    )
    wan = WanTransformer3DModel(
        num_attention_heads=1, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=4, freq_dim=4, ffn_dim=4,
        num_layers=2, image_dim=4, added_kv_proj_dim=12, cross_attn_norm=True,
    )
    return {
        "flux.json": converted(flux_original(), convert_flux_transformer_checkpoint_to_diffusers, flux),
        "wan.json": converted(wan_original(), convert_wan_transformer_to_diffusers, wan),
    }


def text_of(case):
    """One line for each weight."""
    parts = []
    for part, entries in case.items():
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in entries.items())
        parts.append(f"{json.dumps(part)}: {{\n{lines}\n}}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed files instead of writing")
    check = parser.parse_args().check
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for file, case in make().items():
        if not check:
            (FIXTURES / file).write_text(text_of(case))
        elif json.loads((FIXTURES / file).read_text()) != case:
            sys.exit(f"fixtures/original_names/{file} differs from the oracle")
        else:
            print(f"fixtures/original_names/{file}: equal to the oracle")
