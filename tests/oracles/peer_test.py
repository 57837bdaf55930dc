#!/usr/bin/env python3
"""`zoetrope bench model --against diffusers` on the tiny cases: both sides draw the same weights and
inputs, so in fp32 their results are as near as those of the fixtures.

    peer_test.py ZOETROPE
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

CASES = sorted((pathlib.Path(__file__).resolve().parents[2] / "bench" / "models").glob("tiny_*.json"))
MOST = 1e-5


def main():
    # The program takes the python3 of PATH: this one.
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out.json"
        subprocess.run([sys.argv[1], "bench", "model", *CASES, "--device", "cpu", "--dtype", "fp32",
                        "--against", "diffusers", "--modes", "eager", "--runs", "1", "-o", out],
                       check=True, env={**os.environ, "PATH": path})
        peer = json.loads(out.read_text())["peer"]["cases"]
    assert sorted(peer) == [case.stem for case in CASES], sorted(peer)
    for name, figures in peer.items():
        print(f"{name}: {figures['difference']:.2e} of {MOST:.0e}")
        assert figures["difference"] <= MOST, name
        assert figures["eager_seconds"] > 0, name


if __name__ == "__main__":
    main()
