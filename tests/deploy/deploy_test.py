"""deploy/ fits the program: its flags, its metrics, the libraries it loads. Rules, unit and dashboard
can be read by those they are for."""
import configparser
import json
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest
import yaml
from served import ROOT

DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"\b(?:zoetrope|process)_[a-z_]+\b")
BASE_PACKAGES = {"libc6", "libgcc-s1", "libstdc++6", "zlib1g"}  # of every image, or needed by all the others


def registered():
    """Names of metrics in the sources, with the suffixes of histograms."""
    names = set()
    for source in (ROOT / "src").rglob("*metrics*.cpp"):
        if not source.name.endswith("_test.cpp"):
            names |= set(re.findall(r'"((?:zoetrope|process)_[a-z_]+)"', source.read_text(encoding="utf-8")))
    return names | {name + suffix for name in names if name.endswith("_seconds") for suffix in ("_bucket", "_sum", "_count")}


def unit():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string((DEPLOY / "zoetrope.service").read_text())
    return parser


def rules():
    return [rule for group in yaml.safe_load((DEPLOY / "prometheus_rules.yml").read_text())["groups"] for rule in group["rules"]]


def expressions():
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        expression = rule["expr"]
        for name in recorded:
            expression = expression.replace(name, "recorded")
        yield rule.get("alert") or rule["record"], expression
    for panel in json.loads((DEPLOY / "grafana_dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def test_rules_and_dashboard_name_metrics_that_exist():
    known, seen = registered(), set()
    for place, expression in expressions():
        names = set(METRIC.findall(expression))
        assert names or "up{" in expression or "recorded" in expression, place
        assert names <= known, f"{place}: {names - known}"
        seen |= names
    assert len(seen) > 10


def test_metrics_of_a_server_carry_the_labels_that_are_asked_for(served):
    text = served.call("GET", "/metrics")[1].decode()
    for metric, label in (("zoetrope_jobs_total", "outcome"), ("zoetrope_jobs_refused_total", "reason"),
                          ("zoetrope_http_requests_total", "status")):
        assert re.search(rf'^{metric}\{{[^}}]*{label}="', text, re.MULTILINE), metric
    assert "zoetrope_ready 1" in text


def test_the_pages_of_metrics_are_complete():
    counted = {name for name in registered() if not re.search("_(bucket|sum|count)$", name)}
    of_traffic = {name for name in counted if name.startswith("zoetrope_traffic_")}
    for page, names in {"serving": counted - of_traffic, "traffic": of_traffic}.items():
        told = set(METRIC.findall((ROOT / f"docs/{page}.md").read_text(encoding="utf-8")))
        assert names and names <= told, f"{page}: {names - told}"


def test_alerts_say_what_to_do():
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule["alert"]
            assert rule["annotations"]["summary"] and rule["for"], rule["alert"]


def test_promtool_agrees():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here (Debian's package prometheus has it)")
    subprocess.run([promtool, "check", "rules", str(DEPLOY / "prometheus_rules.yml")], check=True)


def flags_of(words):
    return {word for word in words if word.startswith("--")}


def test_flags_exist(request):
    done = subprocess.run([request.config.getoption("--zoetrope"), "serve", "--help"], capture_output=True, text=True, check=True)
    start = shlex.split(unit()["Service"]["ExecStart"])
    assert start[1] == "serve"
    (command,) = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", (ROOT / "docs/serving.md").read_text(encoding="utf-8")))
    foreign = {"--help", "--json"}  # of curl
    for flag in flags_of(start) | flags_of(json.loads(command)) | told - foreign:
        assert re.search(rf"{flag}\b", done.stdout), f"zoetrope serve knows no {flag}"


def test_systemd_agrees(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd here")
    here = tmp_path / "zoetrope.service"
    text = (DEPLOY / "zoetrope.service").read_text()
    here.write_text(text.replace("/opt/zoetrope/bin/zoetrope", "/bin/true"))
    done = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True, check=False)
    assert "zoetrope.service" not in done.stderr, done.stderr


def test_the_image_has_the_libraries_that_the_program_loads(request):
    release = pathlib.Path("/etc/os-release").read_text()
    if not re.search('^ID=debian$', release, re.MULTILINE) or 'VERSION_ID="12"' not in release:
        pytest.skip("the image is Debian 12, this is not")
    needed = set()
    listed = subprocess.run(["ldd", request.config.getoption("--zoetrope")], capture_output=True, text=True, check=True).stdout
    direct = subprocess.run(["readelf", "-d", request.config.getoption("--zoetrope")], capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"NEEDED.*\[(.*)\]", direct))
    for name, path in re.findall(r"(\S+) => (/\S+)", listed):
        if name in names and "libtorch-" not in path:
            needed.add(package_of(path))
    text = (DEPLOY / "Containerfile").read_text().split("FROM debian:12-slim\n")[1]
    installed = set(re.search(r"--no-install-recommends ([^&]*)&&", text)[1].replace("\\", " ").split())
    assert needed - BASE_PACKAGES <= installed, needed - BASE_PACKAGES - installed
    unused = installed - needed - {"ca-certificates", "curl"}
    assert not unused, f"nothing needs {unused}"


def package_of(path):
    for name in (path, str(pathlib.Path(path).resolve()), "/usr" + path, path.removeprefix("/usr")):
        done = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    raise AssertionError(f"{path} belongs to no package")
