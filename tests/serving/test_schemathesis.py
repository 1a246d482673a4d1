"""Every endpoint does what its own document says, whatever is made up from that document: schemathesis asks it.

It sends what the document promises and what it does not, with bodies, headers and keys right and wrong, and checks
statuses, content types, headers and schemas of all answers. Two of its checks are left out: more is taken than the
document promises (numbers as texts, names that mean nothing), so the rest need not be refused; and TensorFlow Serving's
paths answer 400, not 405, to a verb that they do not know. The examples are sent by `test_openapi.py`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.conftest import ROOT, Shared

SETTINGS = """
seed = 1
hooks = "tests.serving.schemathesis_hooks"
[generation]
deterministic = true
max-examples = 15
database = "none"
[checks.negative_data_rejection]
enabled = false
[checks.unsupported_method]
enabled = false
[parameters]
"header.X-Request-Timeout-Ms" = "60000"
[phases.examples]
enabled = false
[phases.stateful]
enabled = false
"""


@pytest.mark.parametrize("name", ["people", "prices", "pictures"])
def test_it_does_what_its_document_says(shared: Shared, tmp_path: Path, name: str) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    url = shared.predictor.url
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "settings.toml")]
    command += ["run", f"{url}/v1/models/{name}/openapi.json", "--url", url, "--no-color"]
    command += ["-H", f"Authorization: Bearer {shared.key}", "--request-timeout", "60"]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
        "MODELYARD_TEST_ENDPOINT": name,
    }
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
    assert shared.predictor.process.poll() is None
    assert "Traceback" not in shared.predictor.log.read_text()
