#!/usr/bin/env python3
"""Fails when clang-format would change a file. Version 14 is asked for by name: others differ."""
import subprocess
import sys

import source_tree


def check(root):
    paths = source_tree.code_files(root)
    done = subprocess.run(["clang-format-14", "--dry-run", "-Werror", *map(str, paths)], cwd=root,
                          capture_output=True, text=True, check=False)
    wrong = {line.split(":")[0] for line in done.stderr.splitlines() if ": error:" in line}
    if done.returncode and not wrong:
        raise SystemExit(f"clang-format-14: {done.stderr}")
    return [f"{path}: run clang-format-14 -i {path}" for path in sorted(wrong)]


if __name__ == "__main__":
    sys.exit(source_tree.report(check(source_tree.root_argument()), "format"))
