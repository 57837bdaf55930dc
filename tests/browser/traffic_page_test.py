#!/usr/bin/env python3
"""The manager's status page in Chromium, over a fleet that only pretends.

    traffic_page_test.py ZOETROPE_FLEET [--screenshots DIR]

Starts `zoetrope traffic run` over four regions whose gateways and workers are small HTTP servers
here: one region has more demand than it can serve, one loses its workers, one list shrinks.
"""
import argparse
import contextlib
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import browser
from playwright.sync_api import expect as eventually

EPOCH_S = 0.4
WORKERS, SERVICE_S, LIMIT = 10, 4, 0.88
CAPACITY = LIMIT * WORKERS / SERVICE_S
REGIONS = {"use1": ("america", 1.45), "use2": ("america", .35), "euw1": ("europe", .5), "apne1": ("asia", .6)}
RTT_MS = {"use1": {"use2": 12, "euw1": 80, "apne1": 150}, "use2": {"euw1": 85, "apne1": 140}, "euw1": {"apne1": 220}}


def serve(text):
    """The port of a server that answers every GET with text()."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            try:
                body = text().encode()
            except ConnectionError:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


class Region:
    def __init__(self, name, continent, utilisation, folder):
        self.name, self.continent = name, continent
        self.demand, self.dead = utilisation * CAPACITY, False
        self.start, self.admitted, self.busy = time.monotonic(), {}, 0.0
        self.gateway = serve(self.gateway_text)
        self.workers = [serve(lambda i=i: self.worker_text(i)) for i in range(WORKERS)]
        self.file = folder / f"{name}.workers"
        self.list_workers(WORKERS)

    def list_workers(self, count):
        self.file.write_text("".join(f"127.0.0.1:{port}\n" for port in self.workers[:count]))

    def worker_text(self, i):
        if self.dead:
            raise ConnectionError
        return f"zoetrope_load {int(i < self.busy * WORKERS)}\nzoetrope_slots 1\n"

    def gateway_text(self):
        arrived = self.demand * (time.monotonic() - self.start)
        lines = [f'envoy_http_downstream_rq_total{{envoy_http_conn_manager_prefix="ingress"}} {arrived}',
                 f'envoy_cluster_membership_total{{envoy_cluster_name="pool_local"}} {WORKERS}',
                 f'envoy_cluster_membership_healthy{{envoy_cluster_name="pool_local"}} {0 if self.dead else WORKERS}']
        for to, count in list(self.admitted.items()):
            lines.append('envoy_cluster_zone_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="pool",'
                         f'from_region="{self.name}",to_region="{to}"}} {count}')
        return "\n".join(lines) + "\n"

    def toml(self):
        return (f'[[regions]]\nname = "{self.name}"\ncontinent = "{self.continent}"\n'
                f'ingress = "127.0.0.1:1"\nimport = "127.0.0.1:{self.gateway}"\n'
                f'gateways = ["127.0.0.1:{self.gateway}"]\nworkers_file = "{self.file.name}"\n')


class Fleet:
    """The regions, and a manager over them. Requests follow the manager's table."""

    def __init__(self, program, folder):
        self.regions = {name: Region(name, *what, folder) for name, what in REGIONS.items()}
        config = f'[manager]\nlisten = "127.0.0.1:0"\nepoch_seconds = {EPOCH_S}\n[policy]\nshed = "at_source"\n'
        config += "".join(region.toml() for region in self.regions.values())
        for source, row in RTT_MS.items():
            config += f"[rtt_ms.{source}]\n" + "".join(f"{target} = {ms}\n" for target, ms in row.items())
        (folder / "fleet.toml").write_text(config)
        self.process = subprocess.Popen([program, "traffic", "run", str(folder / "fleet.toml")],
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.address = re.search(r"http://\S+", line)[0]
        self.stopping = False
        self.thread = threading.Thread(target=self.flow)
        self.thread.start()

    def flow(self):
        rows, last = {}, time.monotonic()
        names = list(self.regions)
        while not self.stopping:
            time.sleep(EPOCH_S / 4)
            with contextlib.suppress(OSError):
                table = json.load(urllib.request.urlopen(self.address + "/v1/publication", timeout=5))
                rows = {r["name"]: {names[t]: w / 10000 for t, w in r["row"]} for r in table["regions"]}
            now = time.monotonic()
            passed, last = now - last, now
            inflow = dict.fromkeys(names, 0.0)
            for name, region in self.regions.items():
                for to, share in rows.get(name, {name: 1}).items():
                    inflow[to] += region.demand * share
                    if not self.regions[to].dead:
                        region.admitted[to] = region.admitted.get(to, 0) + region.demand * share * passed
            for name, region in self.regions.items():
                region.busy = min(1, inflow[name] / WORKERS * SERVICE_S)

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.process.terminate()
        self.process.wait(60)


def card(page, region):
    return page.locator(f"article[data-region={region}]")


def check_page(page, fleet):
    page.goto(fleet.address)
    eventually(page.locator("#state")).to_have_text("Publishing")
    eventually(page.locator("#regions article")).to_have_count(len(REGIONS))
    # The hot region spills into the near one, and the page says why.
    eventually(card(page, "use1").locator(".words")).to_have_text(re.compile(r"\d+ % at home, \d+ % to use2"))
    eventually(card(page, "use1").locator(".why")).to_have_text(re.compile("over the threshold of 100 %"))
    eventually(card(page, "use2").locator(".words")).to_have_text("all at home")
    eventually(card(page, "use1").locator(".bar .line")).to_have_count(3)
    eventually(page.locator("#matrix tbody tr")).to_have_count(len(REGIONS))
    eventually(page.locator("#decisions li").first).to_be_visible()
    eventually(page.locator("#totals dd").first).to_contain_text("requests/s")
    nameless = page.evaluate("""() => [...document.querySelectorAll("[role=img], [role=region]")]
        .filter((e) => !e.ariaLabel && !e.getAttribute("aria-labelledby")).length""")
    assert nameless == 0


def check_failures(page, fleet):
    fleet.regions["euw1"].dead = True
    eventually(card(page, "euw1")).to_contain_text("no workers")
    eventually(card(page, "euw1").locator(".words")).to_contain_text("nothing at home")
    eventually(page.locator("#decisions")).to_contain_text("euw1 has no worker left: it is evacuated")

    fleet.regions["apne1"].list_workers(3)
    eventually(page.locator("#alarms")).to_contain_text("apne1 would lose 70 % of its endpoints (10 -> 3)")
    eventually(page.locator("#alarms code")).to_have_text("zoetrope traffic allow apne1-3")


def check_override(page, fleet, program):
    manager = fleet.address.removeprefix("http://")
    done = subprocess.run([program, "traffic", "allow", "apne1-3", "--manager", manager], check=False)
    assert done.returncode == 0
    eventually(page.locator("#alarms")).to_be_hidden()


def check_look(page):
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"the page is {width} pixels too wide"
    assert page.errors == [], page.errors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--screenshots", type=pathlib.Path)
    options = parser.parse_args()
    if browser.find() is None:
        print("no Chromium here: the page is not tested")
        return browser.SKIPPED

    def picture(page, name):
        if options.screenshots:
            options.screenshots.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=options.screenshots / f"traffic_{name}.png", full_page=True)

    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(options.program, pathlib.Path(folder))
        try:
            look = {"viewport": {"width": 1240, "height": 900}, "color_scheme": "light"}
            with browser.sitting(**look) as page:
                check_page(page, fleet)
                picture(page, "light")
                check_failures(page, fleet)
                picture(page, "failures")
                check_override(page, fleet, options.program)
                check_look(page)
            phone = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}
            with browser.sitting(**phone) as page:
                page.goto(fleet.address)
                eventually(page.locator("#regions article")).to_have_count(len(REGIONS))
                check_look(page)
                picture(page, "phone")
            with browser.sitting(**{**look, "color_scheme": "dark"}) as page:
                page.goto(fleet.address)
                eventually(page.locator("#regions article")).to_have_count(len(REGIONS))
                picture(page, "dark")
                fleet.stop()
                # Whoever watches is told.
                eventually(page.locator("#state")).to_contain_text("does not answer")
        finally:
            fleet.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
