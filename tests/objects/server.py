"""A real server that speaks S3 over HTTP, and a relay in front of it that can be told to misbehave."""

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlencode

import boto3

from tests.conftest import free_port, wait_for_port

SLOW_SECONDS = 6
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-prints"}


@contextmanager
def serving_s3(folder: Path) -> Iterator[str]:
    """Run moto's server; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {"PATH": os.environ["PATH"], **CREDENTIALS}
    with (folder / "s3.log").open("w") as log:
        with subprocess.Popen(command, stdout=log, stderr=log, env=environment) as server:
            try:
                wait_for_port(port)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


class Cloud:
    """A bucket of its own on the server, seen as its owner sees it."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.endpoint = endpoint
        self.name = name
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        self.client.create_bucket(Bucket=name)

    def url(self, endpoint: str = "", prefix: str = "yard") -> str:
        return f"s3://{self.name}/{prefix}?" + urlencode({"endpoint_url": endpoint or self.endpoint})

    def contents(self) -> dict[str, bytes]:
        """Every object, every version of it."""
        found = self.client.list_object_versions(Bucket=self.name)
        return {
            f"{entry['Key']}": self.client.get_object(Bucket=self.name, Key=entry["Key"], VersionId=entry["VersionId"])[
                "Body"
            ].read()
            for entry in found.get("Versions", ())
        }

    def names(self) -> list[str]:
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", ())]

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)


class Relay:
    """Passes requests on to the server and counts them, but for those that `faults` are planned for.

    A fault is the method and what to do instead: "500", "refuse" (close at once), "truncate" (half of the body),
    "slow" (no answer before the relay is closed or the caller has gone).
    """

    def __init__(self, target: str) -> None:
        self.target = target.removeprefix("http://")
        self.faults: list[tuple[str, str]] = []
        self.requests: list[str] = []
        self.lock = Lock()
        self.closed = Event()
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                relay.answer(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()

    def fail(self, method: str, how: str, times: int = 1) -> None:
        self.faults += [(method, how)] * times

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        with self.lock:
            self.requests.append(f"{request.command} {request.path}")
            fault = next((how for method, how in self.faults if method == request.command), None)
            if fault is not None:
                self.faults.remove((request.command, fault))
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if fault == "refuse":
            request.close_connection = True
            return
        if fault == "slow":
            self.closed.wait(SLOW_SECONDS)
        if fault == "500":
            self._send(request, 500, {}, b"<Error><Code>InternalError</Code></Error>")
            return
        status, headers, content = self._ask(request, body)
        self._send(request, status, headers, content, cut=fault == "truncate")

    def _ask(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=60)
        connection.request(request.command, request.path, body, dict(request.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), content

    def _send(
        self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes, cut: bool = False
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                request.send_header(name, value)
        length = headers.get("Content-Length", headers.get("content-length", str(len(content))))
        request.send_header("Content-Length", length if request.command == "HEAD" else str(len(content)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            request.close_connection = True
