#!/usr/bin/env python3
"""Kills `zoetrope serve` again and again while jobs run; none may be lost, changed or done twice.

    crash_test.py ZOETROPE MAKE_RANDOM_MODEL DECODE_CLIP [--kills 200] [--seed N]

Two servers, one a core, each with a data folder of its own. A client sends jobs under idempotency keys
until the server is killed (SIGKILL) at a random moment, some of them while it starts; then it starts
again on the same folder. A kill counts if a job was in progress in the store. In the end every job that
was accepted must be completed, with a clip that can be read and decoded, or failed with a reason, and
every key must still name its job.
"""
import argparse
import collections
import json
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from server_process import START_S, Client, Gone, Server, data_url, png

LANES = 2
QUEUE = 6
MOST_S = 0.15  # from the last clip that a life may finish to the kill
STARTING_S = 0.8  # about what a start takes
CLIPS = (0, 1, 1, 2, 3)  # that a life may finish: by count, so that a slow machine finishes some too
ENOUGH_COMPLETED = 0.8  # of all jobs: the rest may have met too many kills
FINAL = ("completed", "failed", "cancelled", "expired")


class Lane(threading.Thread):
    """One server's life, and the client that never gives up on it."""

    def __init__(self, options, number, kills):
        super().__init__()
        self.options, self.number, self.kills = options, number, kills
        self.random = random.Random(options.seed + number)
        self.data = pathlib.Path(options.folder) / f"data{number}"
        self.database = self.data / "jobs.sqlite"
        self.accepted = {}  # key -> id
        self.unknown = []   # keys that were sent, and never answered
        self.open = collections.deque()  # jobs not yet seen to have ended, oldest first
        self.completed = {}  # id -> what the store said of it first
        self.starts = self.killed_busy = self.killed_starting = self.retried = 0
        self.failure = None

    def run(self):
        try:
            while self.killed_busy < self.kills:
                self.one_life()
            self.last_life()
        except BaseException as error:  # pylint: disable=broad-except
            self.failure = error
            raise

    def start_server(self):
        self.starts += 1
        return Server(self.options.zoetrope, self.options.model, self.data, "--log-level", "error",
                      "--queue", str(QUEUE))

    def one_life(self):
        server = self.start_server()
        if self.starts > 1 and self.random.random() < 0.1:
            time.sleep(self.random.uniform(0, STARTING_S))
            server.kill()
            self.killed_starting += 1
        else:
            if not server.wait_for_address():
                raise AssertionError("the server did not start: " + "".join(server.log))
            try:
                self.send_jobs(Client(server.address), server)
            except Gone:
                pass
            assert server.process.wait() == -signal.SIGKILL, "it left by itself: " + "".join(server.log)
            server.kill()
        self.look_into_store()

    def send_jobs(self, client, server):
        """Until the kill, which comes a moment after some clips have been made."""
        clips, killer = self.random.choice(CLIPS), None
        while True:
            while self.open and self.look(client, self.open[0])["status"] in FINAL:
                self.open.popleft()
                clips -= 1
            if clips <= 0 and killer is None:
                killer = threading.Timer(self.random.uniform(0, MOST_S), server.process.kill)
                killer.start()
            if self.unknown:
                key = self.unknown.pop()  # its answer was lost: ask again
                self.retried += 1
            elif self.accepted and self.random.random() < 0.1:
                key = self.random.choice(list(self.accepted))
            else:
                key = f"key-{self.number}-{len(self.accepted)}-{self.random.getrandbits(32)}"
            self.submit(client, key)

    def submit(self, client, key):
        """The job's id; None where there was no room."""
        try:
            status, job = client.json("POST", "/v1/videos", self.wish(key), {"Idempotency-Key": key})
        except Gone:
            if key not in self.accepted:
                self.unknown.append(key)
            raise
        if status == 429:
            time.sleep(0.005)
            return None
        assert status == 200, (status, job)
        if key not in self.accepted:
            self.open.append(job["id"])
        assert self.accepted.setdefault(key, job["id"]) == job["id"], "the same key, another job"
        return job["id"]

    @staticmethod
    def look(client, job):
        status, shown = client.json("GET", f"/v1/videos/{job}")
        assert status == 200, (status, shown)
        return shown

    def wish(self, key):
        seed = int(key.rsplit("-", 1)[1])
        return {"prompt": "a rocket", "input_reference": data_url(png()), "seed": seed, **self.options.work}

    def look_into_store(self):
        """After a kill, in a copy: looking must not repair anything."""
        copy = pathlib.Path(self.options.folder) / f"copy{self.number}"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for file in self.data.glob("jobs.sqlite*"):
            shutil.copy(file, copy)
        if not (copy / "jobs.sqlite").exists():
            return
        connection = sqlite3.connect(copy / "jobs.sqlite")
        try:
            rows = connection.execute("SELECT id, state, finished_ms, attempt, report FROM zoetrope_jobs").fetchall()
        except sqlite3.OperationalError:
            assert not self.accepted  # killed before it had made its table
            return
        finally:
            connection.close()
        known = {row[0] for row in rows}
        lost = set(self.accepted.values()) - known
        assert not lost, f"accepted and lost: {lost}"
        for job, state, *outcome in rows:
            assert job not in self.completed or (state, self.completed[job]) == ("completed", outcome), \
                f"{job} was completed and is now {state}, {outcome}"
            if state == "completed":
                self.completed[job] = outcome
        if any(row[1] == "in_progress" for row in rows):
            self.killed_busy += 1

    def last_life(self):
        server = self.start_server()
        assert server.wait_for_address(), "".join(server.log)
        client = Client(server.address)
        jobs = {job: self.wait_until_final(client, job) for job in self.accepted.values()}
        states = collections.Counter(job["status"] for job in jobs.values())
        for job in jobs.values():
            assert job["status"] in ("completed", "failed"), job
            assert job["status"] == "completed" or job["error"]["message"], job
        assert states["completed"] >= ENOUGH_COMPLETED * len(jobs), states
        for key, job in self.accepted.items():
            status, again = client.json("POST", "/v1/videos", self.wish(key), {"Idempotency-Key": key})
            assert (status, again["id"]) == (200, job), (status, again, job)
        self.decode(client, [job for job, shown in jobs.items() if shown["status"] == "completed"])
        # Keys whose answer was lost: they too have at most one job, and it can still be had.
        for key in self.unknown[:]:
            while self.submit(client, key) is None:
                pass
            self.wait_until_final(client, self.accepted[key])
        assert len(set(self.accepted.values())) == len(self.accepted), "two keys, one job"
        client.close()
        assert server.stop() == 0, "".join(server.log)
        self.look_into_store()
        rows = sqlite3.connect(self.database).execute("SELECT idempotency_key, id FROM zoetrope_jobs").fetchall()
        assert dict(rows) == self.accepted and len(rows) == len(self.accepted), "jobs that nobody asked for"
        self.states = states

    def wait_until_final(self, client, job):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if (shown := self.look(client, job))["status"] in FINAL:
                return shown
            time.sleep(0.01)
        raise AssertionError(f"{job} does not end")

    def decode(self, client, jobs):
        files = []
        for job in jobs:
            status, _, data = client.call("GET", f"/v1/videos/{job}/content")
            assert status == 200, (job, status, data)
            files.append(pathlib.Path(self.options.folder) / f"{job}.mp4")
            files[-1].write_bytes(data)
        done = subprocess.run([self.options.decode_clip, *files], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        frames = {line.split()[1] for line in done.stdout.splitlines()}
        assert frames == {str(self.options.work["num_frames"])}, frames


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("zoetrope", "make_random_model", "decode_clip"):
        parser.add_argument(name)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    # Short, so that a job that was killed succeeds next time; as some always wait, one nearly always runs.
    options.work = {"num_frames": 4, "num_inference_steps": 2, "quality": "best"}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="zoetrope-crash-") as options.folder:
        options.model = pathlib.Path(options.folder) / "model"
        subprocess.run([options.make_random_model, options.model], check=True)
        lanes = [Lane(options, number, -(-options.kills // LANES)) for number in range(LANES)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
    if any(lane.failure for lane in lanes):
        sys.exit(1)
    print(json.dumps({"kills with a job running": sum(lane.killed_busy for lane in lanes),
                      "kills while starting": sum(lane.killed_starting for lane in lanes),
                      "starts": sum(lane.starts for lane in lanes),
                      "jobs": sum(len(lane.accepted) for lane in lanes),
                      "asked again after a lost answer": sum(lane.retried for lane in lanes),
                      "states": dict(sum((lane.states for lane in lanes), collections.Counter())),
                      "seconds": round(time.monotonic() - begun)}))


if __name__ == "__main__":
    main()
