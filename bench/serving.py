#!/usr/bin/env python3
"""What serving adds to the engine, how fast a busy server says no, and what idle event streams cost.

    bench/serving.py [--build build/release] [--model models/animate] [--clips 20] [--record]

1. Clips one after the other through POST /v1/videos/sync: the client's wall time, less the seconds that
   the engine's own stages took. What is left is HTTP, the job store, pictures in and the film out.
2. While a clip is made: requests for another one over 200 connections, spread evenly at several rates,
   and as fast as answers come. The generator shares the machine with the server.
3. The server's memory without and with 1,000 event streams that wait for a job's turn.

Prints a table; --record writes bench/results/<date>_serving.{json,md} too. Wants a quiet machine.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "serving"))
from server_process import Client, Server, data_url  # noqa: E402  pylint: disable=wrong-import-position

PICTURE = data_url((ROOT / "examples" / "rocket.png").read_bytes())
WISH = {"prompt": "a rocket taking off", "input_reference": PICTURE}
LONG = {"quality": "best", "num_inference_steps": 900}
NOT_THE_ENGINE = ("queued", "encode", "total")  # of the job around it, and the sum
CONNECTIONS = 200
RATES = (200, 1000, 4000, 0)  # a second; 0 = as fast as answers come
LOAD_S = 8
STREAMS = 1000


def overhead(options, server):
    """Milliseconds beside the engine, of each clip, and the share of its time."""
    client = Client(server.address)
    rows = []
    for number in range(options.clips + 2):
        begun = time.perf_counter()
        status, headers, data = client.call("POST", "/v1/videos/sync", WISH | {"seed": number})
        wall = time.perf_counter() - begun
        assert status == 200 and data[4:8] == b"ftyp", (status, data[:200])
        job = client.json("GET", f"/v1/videos/{headers['x-job-id']}")[1]
        stages = job["stage_durations"]
        engine = sum(seconds for stage, seconds in stages.items() if stage not in NOT_THE_ENGINE)
        rows.append({"wall_ms": 1000 * wall, "engine_ms": 1000 * engine, "overhead_ms": 1000 * (wall - engine),
                     "stages_ms": {stage: 1000 * seconds for stage, seconds in stages.items()}})
    client.close()
    rows = rows[2:]  # the first warm the engine up
    median = {key: statistics.median(row[key] for row in rows) for key in ("wall_ms", "engine_ms", "overhead_ms")}
    return {"clips": len(rows), **median, "overhead_most_ms": max(row["overhead_ms"] for row in rows),
            "overhead_percent": 100 * median["overhead_ms"] / median["engine_ms"],
            "stages_ms": {stage: statistics.median(row["stages_ms"][stage] for row in rows) for stage in rows[0]["stages_ms"]}}


def start_long(client):
    """A job that lasts until it is cancelled; waits until it runs."""
    while (answer := client.json("POST", "/v1/videos", WISH | LONG))[0] == 429:
        time.sleep(0.05)
    assert answer[0] == 200, answer
    while client.json("GET", f"/v1/videos/{answer[1]['id']}")[1]["status"] == "queued":
        time.sleep(0.01)
    return answer[1]["id"]


def refusals(options, server):
    client = Client(server.address)
    job = start_long(client)
    rows = []
    for rate in RATES:
        command = [options.build / "tests/serving/serving_load", server.address[0], str(server.address[1]),
                   "--body", json.dumps({"prompt": "a rocket"}), "--connections", str(CONNECTIONS),
                   "--seconds", str(LOAD_S), "--rate", str(rate)]
        rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        assert client.json("GET", f"/v1/videos/{job}")[1]["status"] == "in_progress", "it was to last longer"
        assert set(rows[-1]["statuses"]) == {"429"}, rows[-1]
    client.json("POST", f"/v1/videos/{job}/cancel")
    client.close()
    return rows


def acceptances(server):
    """Milliseconds from the request to the answer that a job is accepted, which is on the disk then."""
    client = Client(server.address)
    times = []
    for _ in range(100):
        begun = time.perf_counter()
        status, job = client.json("POST", "/v1/videos", WISH | LONG)
        times.append(1000 * (time.perf_counter() - begun))
        assert status == 200, (status, job)
        client.json("DELETE", f"/v1/videos/{job['id']}")
    client.close()
    times.sort()
    return {"requests": len(times), "p50_ms": statistics.median(times), "p99_ms": times[-2]}


def idle_streams(server):
    client = Client(server.address)
    running = start_long(client)
    waiting = client.json("POST", "/v1/videos", WISH | LONG)[1]["id"]
    time.sleep(2)
    before = server.memory_mb()
    streams = []
    for _ in range(STREAMS):
        stream = socket.create_connection(server.address)
        stream.sendall(f"GET /v1/jobs/{waiting}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        streams.append(stream)
    for stream in streams:
        answer = b""
        while b"event: queued" not in answer:
            received = stream.recv(4096)
            assert received, f"a stream ended: {answer}"
            answer += received
    time.sleep(2)
    after = server.memory_mb()
    for stream in streams:
        stream.close()
    for job in (waiting, running):
        client.json("POST", f"/v1/videos/{job}/cancel")
    client.close()
    return {"streams": len(streams), "before_mb": before, "after_mb": after, "cost_mb": after - before}


def hardware():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {"date": datetime.date.today().isoformat(), "processor": model, "cores": len(os.sched_getaffinity(0)),
            "load_before": os.getloadavg()[0], "system": platform.freedesktop_os_release()["PRETTY_NAME"],
            "commit": commit.stdout.strip()}


def table(result):
    over, accept, streams = (result[key] for key in ("overhead", "acceptances", "idle_streams"))
    where = result["hardware"]
    rows = [f"# Serving: what it adds to the engine, {where['date']}", "",
            f"`bench/serving.py` on {where['cores']} cores of {where['processor']}, {where['system']}, load before "
            f"{where['load_before']:.1f}, commit {where['commit']}, the bundled model.", "",
            "| | measured | goal |", "|---|---|---|",
            f"| a clip over HTTP, median of {over['clips']} | {over['wall_ms']:.0f} ms | |",
            f"| of this the engine | {over['engine_ms']:.0f} ms | |",
            f"| HTTP, job store, film | {over['overhead_ms']:.1f} ms, {over['overhead_percent']:.2f} % | 20 ms, 3 % |",
            f"| a job accepted and on the disk, p50, p99 | {accept['p50_ms']:.1f}, {accept['p99_ms']:.1f} ms | |"]
    for row in result["refusals"]:
        how = f"{row['rate_asked']:.0f} a second" if row["rate_asked"] else "as fast as answers come"
        rows.append(f"| a busy server says no, {row['connections']} connections, {how} ({row['rate']:.0f} answered a second): "
                    f"p50, p99 | {row['p50_ms']:.2f}, {row['p99_ms']:.2f} ms | p99 2 ms |")
    rows.append(f"| {streams['streams']} idle event streams | {streams['cost_mb']:.1f} MB | 100 MB |")
    return "\n".join(rows) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models" / "animate")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    result = {"hardware": hardware()}
    with tempfile.TemporaryDirectory(prefix="zoetrope-bench-") as folder:
        for name, flags, measures in (("alone", [], [("overhead", lambda s: overhead(options, s)), ("acceptances", acceptances),
                                                     ("refusals", lambda s: refusals(options, s))]),
                                      ("queue", ["--queue", "1"], [("idle_streams", idle_streams)])):
            server = Server(options.build / "src/apps/zoetrope", options.model, pathlib.Path(folder) / name,
                            "--log-level", "error", *flags)
            try:
                assert server.wait_for_address(), "".join(server.log)
                for measure, run in measures:
                    result[measure] = run(server)
            finally:
                server.kill()
    print(table(result), end="")
    if options.record:
        path = ROOT / "bench" / "results" / f"{result['hardware']['date']}_serving"
        path.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(table(result), encoding="utf-8")


if __name__ == "__main__":
    main()
