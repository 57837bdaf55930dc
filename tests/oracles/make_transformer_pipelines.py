#!/usr/bin/env python3
"""Fixtures of tests/fixtures/pipeline/transformers: whole diffusion transformers with tiny parts, and
what diffusers' pipelines make with them from given noise (tiny_pipelines.py).

A fixture holds the files that save_pretrained writes but for weights and tokenizers; instead of the
weights parameters.json, see model_fixtures.generated_values, and in case.json where the tokenizers are.

Without arguments, writes them; with --check, compares. Needs torch, diffusers and transformers.
"""
import argparse
import json
import pathlib
import shutil
import sys
import tempfile

import safetensors.torch
import torch

import tiny_pipelines
from model_fixtures import weights_of

FOLDER = tiny_pipelines.FIXTURES / "pipeline" / "transformers"


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_case(name, folder):
    case = tiny_pipelines.make_case(name)
    with tempfile.TemporaryDirectory() as saved:
        case.pipeline.save_pretrained(saved)
        saved = pathlib.Path(saved)
        for file in sorted(saved.rglob("*.json")):
            part = file.relative_to(saved)
            if part.parts[0].startswith("tokenizer") or part.name.endswith("index.json") and len(part.parts) > 1:
                continue
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            write_json(folder / part, json.loads(file.read_text()))
    for component, module in case.pipeline.components.items():
        if not isinstance(module, torch.nn.Module):
            continue
        shapes = {key: list(value.shape) for key, value in weights_of(module).items()}
        (folder / component / "parameters.json").write_text(json.dumps(dict(sorted(shapes.items())), separators=(",", ":")) + "\n")
    tensors = {"noise": case.noise.contiguous(), "frames": case.frames.contiguous()}
    if case.picture is not None:
        tensors["picture"] = torch.frombuffer(bytearray(case.picture.tobytes()), dtype=torch.uint8).reshape(
            case.picture.height, case.picture.width, 3)
    safetensors.torch.save_file(tensors, folder / "case.safetensors")
    write_json(folder / "case.json", {
        "request": case.request,
        "tokenizers": {part: tiny_pipelines.TOKENIZERS[kind] for part, kind in case.tokenizers.items()},
        "scales": {"transformer_2": tiny_pipelines.SECOND_EXPERT} if "transformer_2" in case.pipeline.components else {},
    })


def difference(made, committed):
    ours, theirs = (safetensors.torch.load_file(folder / "case.safetensors") for folder in (made, committed))
    if ours.keys() != theirs.keys():
        return "other tensors"
    # Another machine's arithmetic may round a byte the other way.
    for key, value in ours.items():
        if value.shape != theirs[key].shape or (value.double() - theirs[key].double()).abs().max() > 1:
            return f"{key} differs"
    names = [sorted(str(p.relative_to(f)) for p in f.rglob("*") if p.is_file()) for f in (made, committed)]
    return None if names[0] == names[1] else "other files"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed files instead of writing")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as temporary:
        made = pathlib.Path(temporary)
        for name in tiny_pipelines.CASES:
            (made / name).mkdir()
            write_case(name, made / name)
            if check and (problem := difference(made / name, FOLDER / name)):
                sys.exit(f"fixtures/pipeline/transformers/{name}: {problem}")
        if check:
            print("fixtures/pipeline/transformers: equal to the oracle")
            return
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(made, FOLDER)


if __name__ == "__main__":
    main()
