"""Several processes fold the same stream at once: every entry is counted once."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from modelyard.contracts import route
from modelyard.environment import ROOT

START = "import django; django.setup(); from tests.endpoints import folding_race; folding_race.main()"
ENTRIES, FOLDERS = 3000, 3


def test_several_folders_at_once_count_every_entry_once(redis: Any, redis_server: str, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'race.sqlite3'}",
        "REDIS_URL": redis_server,
        "MODELYARD_TEST_HOME": str(tmp_path),
    }

    def start(act: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", START, act]
        return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)

    workspace = start("prepare").communicate(timeout=300)[0].decode().strip()
    usage = route.Usage(
        workspace=workspace,
        endpoint="churn",
        key="",
        user="",
        version=1,
        minute=int(time.time() // 60),
        requests=1,
        predictions=2,
        errors=0,
        seconds=0.001,
    )
    with redis.pipeline() as pipe:
        for _ in range(ENTRIES):
            pipe.xadd(route.USAGE, {"usage": json.dumps(usage.to_json())})
        pipe.execute()

    folders = [start("fold") for _ in range(FOLDERS)]
    assert [folder.wait(300) for folder in folders] == [0] * FOLDERS

    counted = json.loads(start("report").communicate(timeout=300)[0])
    assert counted == {"requests": ENTRIES, "quota": 2 * ENTRIES}
    assert redis.xlen(route.USAGE) == 0
