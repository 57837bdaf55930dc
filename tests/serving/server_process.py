"""`zoetrope serve` as a process that tests start, talk to and kill."""
import base64
import http.client
import json
import pathlib
import re
import signal
import struct
import subprocess
import threading
import time
import zlib

START_S = 120  # generous: a loaded machine, a sanitizer


class Gone(Exception):
    """The server does not answer (any more): whether it has done what was asked nobody knows."""


class Server:
    """Returns at once; `wait_for_address` when it listens. What it says is kept in `log`. `zoetrope` is
    the program, or a list: what starts it, and the program."""

    def __init__(self, zoetrope, model, data, *flags):
        self.log, self.address = [], None
        self.data = pathlib.Path(data)
        self.process = subprocess.Popen(
            [*(zoetrope if isinstance(zoetrope, list) else [zoetrope]), "serve", "--model", str(model), "--port", "0", "--data", str(data), *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line)
            if found := re.search(r"https?://[\w.\[\]-]+:(\d+)", line):
                self.address = self.address or ("127.0.0.1", int(found[1]))

    def wait_for_address(self):
        """False if it left first."""
        deadline = time.monotonic() + START_S
        while self.address is None:
            if self.process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise TimeoutError("no address was printed: " + "".join(self.log))
            time.sleep(0.002)
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def stop(self):
        """As a service manager does; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(START_S)
        self.reader.join()
        return status

    def memory_mb(self):
        for line in open(f"/proc/{self.process.pid}/status", encoding="ascii"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise Gone("no VmRSS")

    def open_files(self):
        return sum(1 for _ in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir())


class Client:
    """One connection, for one thread. Raises Gone when the server goes away."""

    def __init__(self, address, timeout=START_S):
        self.connection = http.client.HTTPConnection(*address, timeout=timeout)

    def call(self, method, path, body=None, headers=None):
        """(status, headers, bytes). A dictionary is sent as JSON."""
        headers = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise Gone(repr(error)) from error

    def json(self, method, path, body=None, headers=None):
        status, _, data = self.call(method, path, body, headers)
        return status, json.loads(data)

    def close(self):
        self.connection.close()


def png(width=16, height=12, colour=(200, 80, 40)):
    """A picture of one colour, as bytes."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = (b"\0" + bytes(colour) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def data_url(picture):
    return "data:image/png;base64," + base64.b64encode(picture).decode()
