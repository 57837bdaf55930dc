#!/usr/bin/env python3
"""Fails when a folder under src/ includes from a folder that is not to its left.

The order is read from the block marked `layers` in docs/design.md. The same block names the
folders that must do without torch.
"""
import pathlib
import re
import sys

import source_tree


def read_layers(design):
    """({folder: level}, folders without torch) from the text of docs/design.md."""
    block = re.search(r"^```layers\n(.*?)^```", design, re.MULTILINE | re.DOTALL)
    if not block:
        raise SystemExit("docs/design.md has no block marked `layers`")
    levels, without_torch = {}, set()
    for line in block.group(1).splitlines():
        if line.startswith("without torch:"):
            without_torch = set(re.findall(r"\w+", line.split(":", 1)[1]))
            continue
        for level, group in enumerate(line.split("<")):
            levels.update({name: level for name in re.findall(r"\w+", group)})
    return levels, without_torch


def check(root):
    root = pathlib.Path(root)
    levels, without_torch = read_layers((root / "docs/design.md").read_text(encoding="utf-8"))
    findings = []
    for path in source_tree.code_files(root):
        if path.parts[0] != "src" or len(path.parts) < 3:
            continue
        folder = path.parts[1]
        if folder not in levels:
            findings.append(f"{path}: folder {folder} is not in the layers of docs/design.md")
            continue
        for number, _, name in source_tree.includes(root, path):
            other = name.split("/")[0]
            if folder in without_torch and other in ("ATen", "torch", "c10"):
                findings.append(f"{path}:{number}: {folder} must do without torch: {name}")
            if "/" in name and other in levels and other != folder and \
                    levels[other] >= levels[folder]:
                findings.append(f"{path}:{number}: {folder} must not include {name}")
    return findings


if __name__ == "__main__":
    sys.exit(source_tree.report(check(source_tree.root_argument()), "layers"))
