#!/usr/bin/env python3
"""More connections than the server may open: it refuses the rest, and goes on making clips.

    descriptors_test.py ZOETROPE MAKE_RANDOM_MODEL
"""
import contextlib
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time

from server_process import START_S, Client, Server, data_url, png

LIMIT = 256  # of the server, files and connections together
CONNECTIONS = 400


def main():
    zoetrope, make_random_model = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with tempfile.TemporaryDirectory(prefix="zoetrope-descriptors-") as folder:
        model = pathlib.Path(folder) / "model"
        subprocess.run([make_random_model, model], check=True)
        server = Server(["prlimit", f"--nofile={LIMIT}:{LIMIT}", zoetrope], model, pathlib.Path(folder) / "data",
                        "--log-level", "warning")
        assert server.wait_for_address(), "".join(server.log)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * CONNECTIONS), most))
        client = Client(server.address)
        assert client.json("GET", "/health/live")[0] == 200  # has its connection before the crowd
        with contextlib.ExitStack() as crowd:
            for _ in range(CONNECTIONS):
                crowd.enter_context(socket.create_connection(server.address))
            time.sleep(0.5)
            assert server.open_files() < LIMIT - 32, server.open_files()
            status, job = client.json("POST", "/v1/videos", {"prompt": "a", "input_reference": data_url(png())})
            assert status == 200, (status, job)
            deadline = time.monotonic() + START_S
            while job["status"] != "completed":
                assert job["status"] in ("queued", "in_progress") and time.monotonic() < deadline, job
                time.sleep(0.02)
                status, job = client.json("GET", f"/v1/videos/{job['id']}")
                assert status == 200, (status, job)
        # Who was refused comes in once the others have left.
        deadline = time.monotonic() + START_S
        while server.open_files() > 64:
            assert time.monotonic() < deadline, "connections stay open"
            time.sleep(0.05)
        assert Client(server.address).json("GET", "/health/ready")[0] == 200
        assert server.stop() == 0, "".join(server.log)


if __name__ == "__main__":
    main()
