"""schemathesis against /openapi.json: requests made from the description, right and wrong ones, for a
minute. No answer of 5xx, none of a status or form that the description does not have."""
import base64
import pathlib
import subprocess
import sys

from served import EXAMPLES

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "unsupported_method", "allow_header_conformance", "use_after_free",
          "negative_data_rejection", "missing_required_header", "ensure_resource_availability")


# Most requests name a job that there is, or they would all end at "not found". Sequences of requests
# use the jobs they made: one of them may have deleted this one.
CONFIG = """
[[operations]]
include-path-regex = "^/v1/(videos|jobs)/.id"
exclude-method = "DELETE"
parameters = {{ "path.id" = "{job}" }}
"""


def schemathesis(served, folder, phases, seconds):
    program = pathlib.Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(
        [program, "run", served.address + "/openapi.json", "--checks", ",".join(CHECKS), "--phases", phases,
         "--max-time", str(seconds), "--seed", "20261123", "--request-timeout", "60", "--continue-on-failure", "--no-color",
         "--warnings", "off"],
        cwd=folder, capture_output=True, text=True, check=False)
    print(done.stdout[-20_000:], done.stderr)
    assert done.returncode == 0
    # It was a real run, and the server is as it was.
    assert " generated" in done.stdout or "test cases" in done.stdout.lower()
    served.wait_idle()
    assert served.call("GET", "/health/ready")[0] == 200


def test_single_requests_are_answered_as_described(served, tmp_path):
    picture = base64.b64encode((EXAMPLES / "rocket.png").read_bytes()).decode()
    status, job = served.call("POST", "/v1/videos", {"prompt": "a rocket", "input_reference": picture, "num_frames": 2})
    assert status == 200
    served.wait_idle()
    (tmp_path / "schemathesis.toml").write_text(CONFIG.format(job=job["id"]))
    schemathesis(served, tmp_path, "examples,coverage,fuzzing", 45)


def test_sequences_of_requests_are_answered_as_described(served, tmp_path):
    schemathesis(served, tmp_path, "stateful", 20)
