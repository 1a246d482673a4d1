"""Resumable uploads against a real server: an independent client, cut connections, killed processes."""

import hashlib
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from tusclient.client import TusClient

from tests.web_server import WebServer, start_web

MEGABYTE = 1024**2
TUS = {"Tus-Resumable": "1.0.0"}
ON_THE_WIRE = 192 * 1024
"""What uvicorn may hold for a view that has not asked for it yet, and forgets when the connection breaks."""


@pytest.fixture(scope="module")
def server(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with start_web(tmp_path_factory.mktemp("web"), redis_server, MODELYARD_UPLOAD_MAX_BYTES=str(64 * MEGABYTE)) as web:
        yield web


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 MB that look like a table."""
    path = tmp_path_factory.mktemp("files") / "large.csv"
    line = b"0123456789,abcdefghij\n"
    path.write_bytes(b"number,letters\n" + line * (20 * MEGABYTE // len(line)))
    return path


def create(server: WebServer, length: int) -> str:
    headers = {**TUS, **server.headers, "Upload-Length": str(length)}
    answer = requests.post(f"{server.url}/api/v1/uploads", headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def offset_of(server: WebServer, address: str) -> int:
    answer = requests.head(address, headers={**TUS, **server.headers}, timeout=60)
    assert answer.status_code == 200
    return int(answer.headers["Upload-Offset"])


def patch(server: WebServer, address: str, content: bytes, offset: int) -> requests.Response:
    headers = {
        **TUS,
        **server.headers,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
    }
    return requests.patch(address, data=content, headers=headers, timeout=60)


def send_part(server: WebServer, address: str, content: bytes, offset: int, cut: int) -> None:
    """Announce all of `content`, send `cut` bytes of it, and hang up."""
    parts = urlsplit(address)
    lines = [
        f"PATCH {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Tus-Resumable: 1.0.0",
        f"Authorization: Bearer {server.key}",
        f"Upload-Offset: {offset}",
        "Content-Type: application/offset+octet-stream",
        f"Content-Length: {len(content)}",
    ]
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + content[:cut])
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(60)
        connection.recv(4096)


def settled_offset(server: WebServer, address: str) -> int:
    """Where the upload stands once the server has noticed that nothing more comes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        reached = offset_of(server, address)
        if patch(server, address, b"", reached).status_code == 204:
            return reached
        time.sleep(0.01)
    raise AssertionError("the upload stays locked")


def finish(server: WebServer, address: str, name: str) -> str:
    """Make a data set of the upload and return the sha256 that the platform tells."""
    body = {"name": name, "upload": address.rpartition("/")[2]}
    made = requests.post(f"{server.url}/api/v1/datasets", json=body, headers=server.headers, timeout=60)
    assert made.status_code == 201, made.text
    version = made.json()["version"]["id"]
    shown = requests.get(f"{server.url}/api/v1/dataset-versions/{version}", headers=server.headers, timeout=60)
    return str(shown.json()["sha256"])


def test_an_independent_client_uploads_is_cut_and_resumes(server: WebServer, large: Path) -> None:
    client = TusClient(f"{server.url}/api/v1/uploads", headers=server.headers)
    first = client.uploader(str(large), chunk_size=2 * MEGABYTE, metadata={"filename": "large.csv"})
    first.upload(stop_at=7 * MEGABYTE)
    assert first.url is not None
    send_part(server, first.url, large.read_bytes()[first.offset :], first.offset, 3 * MEGABYTE)
    reached = settled_offset(server, first.url)
    assert 10 * MEGABYTE - ON_THE_WIRE <= reached <= 10 * MEGABYTE
    second = client.uploader(str(large), chunk_size=2 * MEGABYTE, url=first.url)
    assert second.offset == reached
    second.upload()
    assert finish(server, first.url, "Large") == hashlib.sha256(large.read_bytes()).hexdigest()


def test_cuts_at_random_bytes_lose_what_was_on_the_wire_and_no_more(server: WebServer) -> None:
    chance = random.Random(7)
    content = chance.randbytes(16 * MEGABYTE)
    address, offset = create(server, len(content)), 0
    for _ in range(40):
        cut = chance.randrange(1, 400_000)
        send_part(server, address, content[offset:], offset, cut)
        reached = settled_offset(server, address)
        assert max(offset, offset + cut - ON_THE_WIRE) <= reached <= offset + cut
        offset = reached
    assert patch(server, address, content[offset:], offset).status_code == 204
    assert finish(server, address, "Cut") == hashlib.sha256(content).hexdigest()


def test_a_killed_server_goes_on_where_the_disk_is(redis_server: str, tmp_path: Path) -> None:
    content = random.Random(8).randbytes(9 * MEGABYTE)
    with start_web(tmp_path, redis_server) as server:
        address = create(server, len(content))
        assert patch(server, address, content[:MEGABYTE], 0).status_code == 204
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            head = (
                f"PATCH {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nTus-Resumable: 1.0.0\r\n"
                f"Authorization: Bearer {server.key}\r\nUpload-Offset: {MEGABYTE}\r\n"
                f"Content-Type: application/offset+octet-stream\r\nContent-Length: {8 * MEGABYTE}\r\n\r\n"
            )
            connection.sendall(head.encode() + content[MEGABYTE : 7 * MEGABYTE])
            server.stop(signal.SIGKILL)
        server.start()
        offset = offset_of(server, address)
        assert MEGABYTE <= offset <= 7 * MEGABYTE
        server.ask_python("from modelyard.datasets.models import Upload; Upload.objects.update(locked_until=None)")
        assert patch(server, address, content[offset:], offset).status_code == 204
        assert finish(server, address, "Killed") == hashlib.sha256(content).hexdigest()


def test_of_two_at_the_same_offset_one_is_a_conflict(server: WebServer) -> None:
    content = random.Random(9).randbytes(4 * MEGABYTE)
    address = create(server, len(content))
    codes: list[int] = []
    writers = [
        threading.Thread(target=lambda: codes.append(patch(server, address, content, 0).status_code)) for _ in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(codes) == [204, 409, 409, 409]
    assert finish(server, address, "Raced") == hashlib.sha256(content).hexdigest()


def test_a_body_is_never_held_in_memory(server: WebServer) -> None:
    assert server.process is not None
    process, length = psutil.Process(server.process.pid), 60 * MEGABYTE
    address = create(server, length)
    before, peak, done = process.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = patch(server, address, bytes(length), 0)
    done.set()
    watcher.join()
    assert answer.status_code == 204
    assert peak - before < 24 * MEGABYTE
    requests.delete(address, headers={**TUS, **server.headers}, timeout=60)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(server: WebServer) -> None:
    for path in ("/api/v1/datasets", "/data/new/", "/api/v1/keys", "/"):
        answer = requests.post(f"{server.url}{path}", data=bytes(100 * MEGABYTE), headers=server.headers, timeout=60)
        assert answer.status_code == 413, path


def test_a_body_without_a_length_is_counted_while_it_arrives(server: WebServer) -> None:
    pieces = (bytes(MEGABYTE) for _ in range(120))
    answer = requests.post(f"{server.url}/api/v1/datasets", data=pieces, headers=server.headers, timeout=60)
    assert answer.status_code == 413


def test_more_than_announced_without_a_length_is_refused(server: WebServer) -> None:
    address = create(server, 1000)
    headers = {**TUS, **server.headers, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    answer = requests.patch(address, data=(bytes(900) for _ in range(3)), headers=headers, timeout=60)
    assert answer.status_code == 413
    assert offset_of(server, address) <= 1000
