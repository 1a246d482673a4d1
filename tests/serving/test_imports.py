"""What the predictor must not carry along."""

import subprocess
import sys

from tests.serving.conftest import ROOT

PROGRAM = """
import sys
import workers.serving.server
heavy = {"django", "tensorflow", "keras", "celery", "channels", "rest_framework", "pandas", "pyarrow", "sklearn"}
heavy |= {"boto3", "botocore"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


def test_the_predictor_imports_neither_django_nor_tensorflow() -> None:
    path = {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
