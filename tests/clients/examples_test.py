"""The examples of README.md and docs/serving.md do what they say: every ```sh block that calls curl
and every ```python block is run as it stands, in a copy of the examples, against a real server."""
import os
import re
import shutil
import subprocess
import sys

import pytest
from served import ROOT

PAGES = ("README.md", "docs/serving.md")
ADDRESS = "http://127.0.0.1:8080"


def blocks():
    for name in PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        for found in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            language, code = found.groups()
            if language == "python" or (language == "sh" and re.search(r"^curl |\$\(curl ", code, re.MULTILINE)):
                line = text.count("\n", 0, found.start()) + 1
                yield pytest.param(language, code, id=f"{name}:{line}")


@pytest.fixture
def place(tmp_path):
    """A folder as a reader has it, with a curl that fails where the server answers with an error."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("stickers"))
    (tmp_path / "bin").mkdir()
    curl = tmp_path / "bin/curl"
    curl.write_text(f'#!/bin/sh\nexec {shutil.which("curl")} --fail-with-body "$@"\n')
    curl.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("language, code", list(blocks()))
def test_example(served, place, language, code):
    served.wait_idle()
    assert ADDRESS in code, "an example names the server's usual address"
    code = code.replace(ADDRESS, served.address)
    command = [sys.executable, "-c", code] if language == "python" else ["bash", "-euo", "pipefail", "-c", code]
    before = set(place.iterdir())
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=300,
                          env=os.environ | {"PATH": f"{place}/bin:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    made = set(place.iterdir()) - before
    for file in made:
        check_file(file)
    assert made or done.stdout.strip(), "the example shows nothing"


def check_file(file):
    start = file.read_bytes()[:12]
    expected = {".mp4": start[4:8] == b"ftyp", ".gif": start[:6] == b"GIF89a", ".json": start[:1] == b"{",
                ".png": start[:4] == b"\x89PNG", ".webp": start[8:12] == b"WEBP"}
    assert expected[file.suffix], f"{file.name} begins with {start}"


def test_there_are_examples():
    assert len(list(blocks())) >= 5
