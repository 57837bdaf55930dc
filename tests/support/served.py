"""A served Zoetrope for tests, as fixtures of pytest (-p served): the real program, the bundled model.

`served` is one server for the tests of a module; `serve(...)` starts another with flags of its own.
"""
import contextlib
import json
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
START_S = 120  # generous: a loaded machine, a sanitizer
LONG = {"quality": "best", "num_inference_steps": 900}  # minutes, unless it is cancelled


def pytest_addoption(parser):
    parser.addoption("--zoetrope", required=True, help="the program")
    parser.addoption("--screenshots", type=pathlib.Path, help="a folder for pictures of the pages")


class Served:
    """A running `zoetrope serve`; what it says is kept in `log`."""

    def __init__(self, zoetrope, *flags):
        self.folder = tempfile.TemporaryDirectory(prefix="zoetrope-served-")
        self.log, self.address, self.key = [], None, None
        self.process = subprocess.Popen(
            [zoetrope, "serve", "--port", "0", "--data", self.folder.name, *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            self.wait_for(lambda: self.address is not None, "no address was printed")
            self.wait_for(lambda: self.answers("/health/ready"), "the server is not ready")
        except BaseException:
            self.process.kill()
            raise

    def read(self):
        for line in self.process.stdout:
            self.log.append(line)
            if found := re.search(r"https?://[\w.\[\]:-]+:\d+", line):
                self.address = self.address or found[0]

    def wait_for(self, condition, what):
        deadline = time.monotonic() + START_S
        while not condition():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server left with {self.process.returncode}: {''.join(self.log)}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: {''.join(self.log)}")
            time.sleep(0.02)

    def answers(self, path):
        try:
            return self.call("GET", path)[0] == 200
        except OSError:
            return False

    def call(self, method, path, fields=None):
        """(status, answer): JSON in, JSON or bytes out."""
        body = None if fields is None else json.dumps(fields).encode()
        request = urllib.request.Request(self.address + path, data=body, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if self.key:
            request.add_header("Authorization", "Bearer " + self.key)
        try:
            with urllib.request.urlopen(request, timeout=START_S) as answer:
                return answer.status, parsed(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, parsed(error)

    def state(self, job):
        return self.call("GET", f"/v1/videos/{job}")[1]["status"]

    def wait_idle(self):
        """Until no job waits or runs: the next one finds the slot free."""
        busy = ("queued", "in_progress")
        self.wait_for(lambda: not any(job["status"] in busy for job in self.call("GET", "/v1/videos?limit=100")[1]["data"]),
                      "a job does not end")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        self.reader.join(START_S)
        self.folder.cleanup()


def parsed(answer):
    data = answer.read()
    return json.loads(data) if "json" in answer.headers.get("Content-Type", "") else data


@pytest.fixture(scope="module")
def serve(request):
    """serve(flags...) starts a server, which is stopped after the last test of the module."""
    with contextlib.ExitStack() as running:
        def start(*flags):
            server = Served(request.config.getoption("--zoetrope"), *flags)
            running.callback(server.stop)
            return server
        yield start


@pytest.fixture(scope="module")
def served(serve):
    return serve()
