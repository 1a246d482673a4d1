"""What a server does with bad input, how its neighbours fare meanwhile, and what a huge body does to everybody."""

import math
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.serving.models import Model, Rows
from bench.serving.processes import FAULTS, Server
from bench.serving.wire import Answer, Request

SENTINEL = 7654321.0
FIELD = re.compile(rb'("column_03":)?7654321\.0,')
VALUE = b"7654321.0"
GOOD_CLIENTS, GOOD_EACH, BAD_CLIENTS = 8, 100, 4
BIG_BYTES = 50_000_000
PATIENCE = 60.0
EXACT = "read as 1.5"
Change = Callable[[bytes], bytes]

BAD: dict[str, tuple[int, Change]] = {
    "13 values": (1, lambda body: FIELD.sub(b"", body)),
    "ragged": (2, lambda body: FIELD.sub(b"", body)),
    "NaN": (1, lambda body: body.replace(VALUE, b"NaN")),
    "null": (1, lambda body: body.replace(VALUE, b"null")),
    '"abc"': (1, lambda body: body.replace(VALUE, b'"abc"')),
    '"1.5"': (1, lambda body: body.replace(VALUE, b'"1.5"')),
    "1e999": (1, lambda body: body.replace(VALUE, b"1e999")),
    "no rows": (1, lambda _: b'{"other": 1}'),
    "cut short": (1, lambda body: body[: len(body) // 2]),
    "empty": (1, lambda _: b""),
}


def try_bad_inputs(server: Server) -> dict[str, str]:
    """What comes back to each bad body, in a word or two."""
    return {name: _describe(server, change_body(server, rows, change)) for name, (rows, change) in BAD.items()}


def change_body(server: Server, rows: int, change: Change) -> Request:
    sample = server.model.sample(rows, seed=7)
    sample.matrix[0, 3] = SENTINEL
    request = server.contestant.wires["rows"].encode(server.model, sample)
    return Request(request.path, change(request.body), request.headers)


def _describe(server: Server, request: Request) -> str:
    try:
        answer = server.ask(request, timeout=15)
    except FAULTS as fault:
        return f"no answer ({type(fault).__name__})"
    if answer.status != 200:
        return str(answer.status)
    return f"**200** {_judge(server, answer)}"


def _judge(server: Server, answer: Answer) -> str:
    """What a success that should have been a refusal says."""
    try:
        found = server.contestant.wires["rows"].decode(server.model, answer).astype(float)
    except (ValueError, KeyError, TypeError):
        return "NaN, which is no JSON" if b"NaN" in answer.body else "no probabilities"
    if found.size == 0:
        return "no rows"
    if np.isnan(found).any():
        return "null"
    for value, words in ((1.5, EXACT), (math.nan, "as a missing value")):
        sample = server.model.sample(1, seed=7)
        sample.matrix[0, 3] = value
        if len(found) == 1 and np.abs(found - server.model.expect(sample)).max() < 1e-4:
            return words
    return "made up"


# -- neighbours


def try_neighbours(server: Server) -> dict[str, int]:
    """Good rows from some callers, a row that is one value short from others: how many good ones fail?"""
    model, used = server.model, server.contestant.wires["rows"]
    bad = change_body(server, *BAD["13 values"])
    failed = [0] * GOOD_CLIENTS
    refused = [0] * BAD_CLIENTS
    over = threading.Event()

    def send_good(number: int) -> None:
        for turn in range(GOOD_EACH):
            rows = model.sample(1, seed=number * GOOD_EACH + turn)
            failed[number] += not _is_right(server, used.encode(model, rows), model, rows)

    def send_bad(number: int) -> None:
        while not over.is_set():
            try:
                refused[number] += server.ask(bad, timeout=PATIENCE).status != 200
            except FAULTS:
                refused[number] += 1

    bad_ones = [threading.Thread(target=send_bad, args=(number,)) for number in range(BAD_CLIENTS)]
    good_ones = [threading.Thread(target=send_good, args=(number,)) for number in range(GOOD_CLIENTS)]
    for thread in (*bad_ones, *good_ones):
        thread.start()
    for thread in good_ones:
        thread.join()
    over.set()
    for thread in bad_ones:
        thread.join()
    return {"failed": sum(failed), "good": GOOD_CLIENTS * GOOD_EACH, "refused": sum(refused)}


def _is_right(server: Server, request: Request, model: Model, rows: Rows) -> bool:
    try:
        answer = server.ask(request, timeout=PATIENCE)
        found = server.contestant.wires["rows"].decode(model, answer)
    except (*FAULTS, KeyError, ValueError, TypeError):
        return False
    expected = model.expect(rows)
    return found.shape == expected.shape and bool(np.abs(found - expected).max() < 1e-4)


# -- a huge body


def try_big_body(server: Server) -> dict[str, Any]:
    """Send a valid body of 50 MB: what is answered, and how long somebody else waits who asks for single rows."""
    model, used = server.model, server.contestant.wires["rows"]
    piece = used.encode(model, model.sample(1000, seed=1))
    rows = model.sample(1000, seed=1)
    count = math.ceil(BIG_BYTES / len(piece.body))
    request = used.encode(model, Rows(np.tile(rows.matrix, (count, 1))))
    small = used.encode(model, model.sample(1, seed=2))
    before = server.memory_mb
    waits: list[float] = []
    peak = [before]
    over = threading.Event()

    def ask_on() -> None:
        while not over.is_set():
            started = time.monotonic()
            try:
                server.ask(small, timeout=PATIENCE)
            except FAULTS:
                waits.append(PATIENCE)
            waits.append(time.monotonic() - started)
            time.sleep(0.002)

    def watch() -> None:
        while not over.wait(0.2):
            peak.append(server.memory_mb)

    others = [threading.Thread(target=ask_on), threading.Thread(target=watch)]
    for thread in others:
        thread.start()
    time.sleep(0.3)
    calm, started = max(waits, default=0.0), time.monotonic()
    waits.clear()
    answer = send_patiently(server.port, request)
    seconds = time.monotonic() - started
    time.sleep(0.1)
    over.set()
    for thread in others:
        thread.join()
    grown = [round(before), round(max(*peak, server.memory_mb))]
    return {
        "answer": answer,
        "seconds": seconds,
        "wait_ms": max(waits, default=0.0) * 1000,
        "calm_ms": calm * 1000,
        "memory_mb": grown,
    }


def send_patiently(port: int, request: Request) -> str:
    """Send a body and heed an answer that comes before all of it was sent, as careful clients do."""
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    start = f"POST {request.path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n{head}"
    content = memoryview(f"{start}Content-Length: {len(request.body)}\r\n\r\n".encode() + request.body)
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        try:
            while content and not select.select([line], [], [], 0)[0]:
                content = content[line.send(content[:262_144]) :]
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            while b"\r\n" not in received:
                part = line.recv(65_536)
                if not part:
                    break
                received += part
        except TimeoutError:
            return f"no answer in {PATIENCE:.0f} s"
        except ConnectionResetError:
            return "closed"
    return received.split(b" ", 2)[1].decode() if received.startswith(b"HTTP/") else "closed"
