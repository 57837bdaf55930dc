#!/usr/bin/env python3
"""A server under mixed load: valid, invalid, cancelled and disconnected requests, idle event streams.

    soak.py ZOETROPE MAKE_RANDOM_MODEL [--minutes 1.2] [--model DIR] [--record FILE]

In the end its memory must be flat, no file left open, and the slot free: another clip is made at once.
Without --model a tiny one with random weights is served, whose clips take milliseconds, so that a
minute has thousands of requests. Prints one JSON object; --record writes it to a file as well.
"""
import argparse
import collections
import contextlib
import datetime
import json
import os
import pathlib
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from server_process import START_S, Client, Gone, Server, data_url, png

STREAMS = 40  # that are open at one time
PAUSE_S = 0.5  # at most, between two of those that take the slot away from others
KEEP = "10s"  # so that jobs are forgotten while the test runs
WARM = 0.4  # of the time: then pools, caches and arenas have their size
# After that the medians of the first and the last third may differ by this much, and a little: the
# allocator's arenas settle, and pages of the database come and go.
MOST_GROWTH_MB, MOST_GROWTH = 8, 0.02
PICTURE = png()
WISH = {"prompt": "a rocket taking off", "input_reference": data_url(PICTURE)}
LONG = {"quality": "best", "num_inference_steps": 900}  # far longer than anybody waits for it


def multipart(fields, picture, ending="--\r\n"):
    """(body, headers); `ending` may be left out to break it."""
    parts = [f'--zoe\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in fields.items()]
    parts.append(b'--zoe\r\nContent-Disposition: form-data; name="input_reference"; filename="a.png"\r\n'
                 b"Content-Type: image/png\r\n\r\n" + picture + b"\r\n--zoe" + ending.encode())
    return b"".join(parts), {"Content-Type": "multipart/form-data; boundary=zoe"}


def status_of(connection):
    """Of the answer that begins to come."""
    line = b""
    while len(line) < 12 and (received := connection.recv(12 - len(line))):
        line += received
    return int(line[9:] or 0)


def bad_requests():
    """(what, method, path, body, headers, the right status)"""
    post = ("POST", "/v1/videos")
    as_json = {"Content-Type": "application/json"}
    yield "bad JSON", *post, b'{"prompt": ', as_json, 400
    yield "unknown field", *post, WISH | {"colour": "red"}, None, 400
    yield "wrong type", *post, WISH | {"fps": "quick"}, None, 400
    yield "empty prompt", *post, WISH | {"prompt": " "}, None, 400
    yield "long prompt", *post, WISH | {"prompt": "a" * 100_000}, None, 400
    yield "too many steps", *post, WISH | {"num_inference_steps": 10**9}, None, 400
    yield "truncated picture", *post, WISH | {"input_reference": data_url(PICTURE[:-30])}, None, 400
    yield "no picture", *post, WISH | {"input_reference": data_url(b"not a picture")}, None, 400
    yield "broken form", *post, *multipart({"prompt": "a"}, PICTURE, ending=""), 400
    yield "unknown model", *post, WISH | {"model": "nothing"}, None, 404
    yield "unknown job", "GET", "/v1/videos/video_00000000000000000000000000", None, None, 404
    yield "unknown path", "GET", "/v2/../../etc/passwd", None, None, 404
    yield "wrong method", "PUT", "/v1/videos", None, None, 405


class Load:
    """Threads that each do one kind of thing until `stop` is set, and count what came of it."""

    def __init__(self, address, seed):
        self.address, self.seed = address, seed
        self.stop = threading.Event()
        self.counts = collections.Counter()
        self.faults = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.repeat, args=(kind, number))
                        for number, kind in enumerate([self.clip, self.clip, self.waited_clip, self.picture,
                                                       self.mistake, self.cancel, self.disconnect, self.half_request,
                                                       self.look, self.stream])]

    def repeat(self, kind, number):
        chance = random.Random(self.seed + number)
        client = Client(self.address)
        try:
            while not self.stop.is_set():
                kind(client, chance)
        except Exception as error:  # pylint: disable=broad-except
            with self.lock:
                self.faults.append(f"{kind.__name__}: {error!r}")
        finally:
            client.close()

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def submit(self, client, fields, path="/v1/videos"):
        """The job, or None if there was no room."""
        if random.random() < 0.5:
            body, headers = multipart({name: value for name, value in fields.items() if name != "input_reference"}, PICTURE)
        else:
            body, headers = fields, None
        status, answer = client.json("POST", path, body, headers)
        if status == 429:
            self.count("refused: busy")
            time.sleep(0.01)
            return None
        assert status == 200, (status, answer)
        return answer

    def clip(self, client, chance):
        job = self.submit(client, WISH | {"seed": chance.randrange(1000)})
        if job is None:
            return
        deadline = time.monotonic() + START_S
        while job["status"] in ("queued", "in_progress"):
            assert time.monotonic() < deadline, f"stuck: {job}"
            time.sleep(0.005)
            status, job = client.json("GET", f"/v1/videos/{job['id']}")
            assert status == 200, (status, job)
        assert job["status"] == "completed", job
        status, _, data = client.call("GET", f"/v1/videos/{job['id']}/content")
        assert status == 200 and data[4:8] == b"ftyp", (status, data[:100])
        self.count("clips made and fetched")
        if chance.random() < 0.5:
            status, answer = client.json("DELETE", f"/v1/videos/{job['id']}")
            assert status == 200, (status, answer)
            self.count("clips deleted")

    def waited_clip(self, client, chance):
        body, headers = multipart({"prompt": "a rocket", "seed": chance.randrange(1000)}, PICTURE)
        status, _, data = client.call("POST", "/v1/videos/sync", body, headers)
        self.count_waited(status, status == 200 and data[4:8] == b"ftyp", "clips waited for", data)

    def picture(self, client, chance):
        fields = {"prompt": "a rocket", "image": data_url(PICTURE), "seed": chance.randrange(1000)}
        status, _, data = client.call("POST", "/v1/images/edits", fields)
        self.count_waited(status, status == 200 and b"b64_json" in data, "pictures waited for", data)

    def count_waited(self, status, good, what, data):
        assert good or status == 429, (status, data[:200])
        self.count(what if good else "refused: busy")
        if not good:
            time.sleep(0.01)

    def mistake(self, client, chance):
        for what, method, path, body, headers, right in bad_requests():
            status, answer = client.json(method, path, body, headers)
            # A busy server may say so before it looks at the request.
            assert status == right or status == 429 and path == "/v1/videos", (what, status, answer)
            assert answer["error"]["message"], what
            self.count("refused: busy" if status == 429 else "mistakes answered")
        time.sleep(chance.uniform(0, 0.1))

    def cancel(self, client, chance):
        job = self.submit(client, WISH | LONG)
        if job is None:
            return
        time.sleep(chance.uniform(0, 0.1))
        if chance.random() < 0.5:
            status, answer = client.json("POST", f"/v1/videos/{job['id']}/cancel")
        else:
            status, answer = client.json("DELETE", f"/v1/videos/{job['id']}")
        assert status == 200, (status, answer)
        self.count("cancelled")
        time.sleep(chance.uniform(0, PAUSE_S))

    def disconnect(self, client, chance):
        """Asks for what takes minutes, and is gone after a moment: the slot must come back."""
        body = json.dumps(WISH | LONG).encode()
        with socket.create_connection(self.address) as connection:
            connection.sendall(b"POST /v1/videos/sync HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body) + body)
            status = status_of(connection)  # at admission
            assert status in (200, 429), status
            time.sleep(0 if status == 429 else chance.uniform(0, 0.1))
        self.count("refused: busy" if status == 429 else "disconnected")
        time.sleep(0.01 if status == 429 else chance.uniform(0, PAUSE_S))

    def half_request(self, client, chance):
        whole = b"POST /v1/videos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
        with socket.create_connection(self.address) as connection:
            connection.sendall(whole[:chance.randrange(1, len(whole) + 1)])
            time.sleep(chance.uniform(0, 0.05))
        self.count("broken off in the request")
        time.sleep(chance.uniform(0, PAUSE_S))

    def look(self, client, chance):
        for path in ("/", "/v1/models", "/v1/videos?limit=5", "/health/live", "/metrics", "/openapi.json"):
            status, _, data = client.call("GET", path)
            assert status == 200, (path, status, data[:200])
            self.count("pages looked at")
        time.sleep(chance.uniform(0, 0.1))

    def stream(self, client, chance):
        """Opens event streams and leaves them, mostly unread."""
        status, page = client.json("GET", "/v1/videos?limit=5")
        assert status == 200, (status, page)
        with contextlib.ExitStack() as streams:
            for job in page["data"]:
                for _ in range(STREAMS // 5):
                    connection = streams.enter_context(socket.create_connection(self.address))
                    connection.sendall(f"GET /v1/jobs/{job['id']}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                    status = status_of(connection)
                    assert status in (200, 404), status  # it may have been deleted meanwhile
                    self.count("event streams" if status == 200 else "event streams of nothing")
            time.sleep(chance.uniform(0, 0.3))


def watch(server, seconds, stop_if):
    """[(seconds since the start, MB, open files)], one a second."""
    samples, begun = [], time.monotonic()
    while (now := time.monotonic() - begun) < seconds and not stop_if():
        samples.append((now, server.memory_mb(), server.open_files()))
        time.sleep(min(1, max(0.01, seconds - now)))
    return samples


def growth(samples, seconds):
    """MB at the beginning and the end of what comes after the warm-up."""
    settled = [megabytes for at, megabytes, _ in samples if at >= WARM * seconds]
    third = max(1, len(settled) // 3)
    return statistics.median(settled[:third]), statistics.median(settled[-third:])


def settle(server, files_before):
    """Open files once everybody has left; jobs of clients that are gone take a step to end."""
    deadline = time.monotonic() + START_S
    while server.open_files() > files_before and time.monotonic() < deadline:
        time.sleep(0.1)
    return server.open_files()


def soak(server, options):
    seconds = options.minutes * 60
    client = Client(server.address)
    load = Load(server.address, options.seed)
    load.clip(client, random.Random(0))  # everything that is opened once is open
    load.waited_clip(client, random.Random(0))
    load.counts.clear()
    files_before = server.open_files()
    for thread in load.threads:
        thread.start()
    samples = watch(server, seconds, lambda: load.faults or server.process.poll() is not None)
    load.stop.set()
    for thread in load.threads:
        thread.join()
    assert server.process.poll() is None, "the server died: " + "".join(server.log[-20:])
    assert not load.faults, load.faults
    files_after = settle(server, files_before)
    before, after = growth(samples, seconds)
    client.close()
    client = Client(server.address)  # the old one has been idle for longer than the server lets it
    made = load.counts["clips made and fetched"]
    for _ in range(1000):  # the slot is free as soon as what was left has seen that it is not wanted
        load.clip(client, random.Random(0))
        if load.counts["clips made and fetched"] > made:
            break
    result = {"minutes": options.minutes, "memory_mb_warm": round(before, 1), "memory_mb_end": round(after, 1),
              "memory_mb_most": round(max(sample[1] for sample in samples), 1),
              "open_files_before": files_before, "open_files_after": files_after,
              "open_files_most": max(sample[2] for sample in samples),
              "slot_free_at_the_end": load.counts["clips made and fetched"] > made, "counts": dict(sorted(load.counts.items()))}
    if options.record:
        result["memory_mb"] = [round(sample[1], 1) for sample in samples[::max(1, len(samples) // 120)]]
    client.close()
    return result


def check(result):
    before, after = result["memory_mb_warm"], result["memory_mb_end"]
    assert after <= before * (1 + MOST_GROWTH) + MOST_GROWTH_MB, "memory grows"
    assert result["open_files_after"] <= result["open_files_before"], "files stay open"
    assert result["slot_free_at_the_end"], "the slot is stuck"
    for kind in ("clips made and fetched", "clips waited for", "pictures waited for", "mistakes answered", "cancelled",
                 "disconnected", "event streams"):
        assert result["counts"].get(kind, 0) > 0, f"none: {kind}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoetrope")
    parser.add_argument("make_random_model")
    parser.add_argument("--minutes", type=float, default=1.2)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--record", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="zoetrope-soak-") as folder:
        model = options.model
        if model is None:
            model = pathlib.Path(folder) / "model"
            subprocess.run([options.make_random_model, model], check=True)
        server = Server(options.zoetrope, model, pathlib.Path(folder) / "data", "--queue", "2", "--keep-results", KEEP,
                        "--log-level", "error")
        try:
            assert server.wait_for_address(), "".join(server.log)
            result = {"date": datetime.date.today().isoformat(), "cores": len(os.sched_getaffinity(0)),
                      "machine": platform.machine(), "model": model.name, **soak(server, options)}
            print(json.dumps(result))
            if options.record:
                options.record.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            check(result)
            assert server.stop() == 0, "".join(server.log[-20:])
        finally:
            if server.process.poll() is None:
                server.kill()


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, Gone) as error:
        sys.exit(f"soak: {error}")
