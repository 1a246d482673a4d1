"""Keys that are nearly right, when exactly they end, and that their text is nowhere to be found."""

import io
import logging
import random
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from modelyard.accounts import keys, models
from modelyard.accounts.models import ApiKey, User, Workspace
from modelyard.contracts.keys import ALPHABET, LENGTH, MalformedKey, compose_key, parse_key

TRIES = 10_000
LOOK_ALIKES = str.maketrans("aceopxyABEHKMOPTX", "асеорхуАВЕНКМОРТХ")


def mutate(text: str, chance: random.Random) -> str:
    """One of the ways in which a key is nearly right; the result is another text."""
    place = chance.randrange(len(text))
    flipped = text[:place] + chance.choice(ALPHABET.replace(text[place], "")) + text[place + 1 :]
    return chance.choice(
        [
            flipped,
            text[: chance.randrange(len(text))],
            text + chance.choice(ALPHABET),
            text[:place] + text[place + 1 :],
            text.swapcase(),
            text.translate(LOOK_ALIKES),
            text.replace("_", "-"),
            f"{text} {text}",
            f"{text},{text}",
            text + "\u200b",
            "".join(chance.sample(text, len(text))),
            text * chance.randrange(2, 50),
        ]
    )


@pytest.fixture
def made(workspace: Workspace, alice: User) -> tuple[ApiKey, str]:
    return keys.create_key("K", workspace=workspace, user=alice, scopes=["admin"], days=7)


def test_aut_01_nothing_that_is_nearly_a_key_is_one(made: tuple[ApiKey, str]) -> None:
    chance, accepted = random.Random(20261123), []
    for _ in range(TRIES):
        near = mutate(made[1], chance)
        try:
            parsed = parse_key(near)
        except MalformedKey:
            continue
        if near != made[1] and keys.find_key(compose_key(parsed.id, parsed.secret)) is not None:
            accepted.append(near)
    assert accepted == []


def test_aut_01_a_key_with_the_right_checksum_and_another_secret_is_refused(made: tuple[ApiKey, str]) -> None:
    chance = random.Random(1)
    for _ in range(50):
        secret = "".join(chance.choices(ALPHABET, k=32))
        assert keys.find_key(compose_key(made[0].id, secret)) is None
        assert keys.find_key(compose_key("".join(chance.choices(ALPHABET, k=8)), secret)) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {}",
        "bearer\t{}x",
        "Bearer {0} {0}",
        "Bearer {0},{0}",
        "Token {}",
        "Bearer " + "x" * 10**6,
    ],
    ids=lambda header: header[:12],
)
def test_aut_01_a_header_that_is_nearly_right_opens_nothing(
    client: Client, made: tuple[ApiKey, str], header: str
) -> None:
    answer = client.get("/api/v1/quotas", headers={"Authorization": header.format(made[1])})
    assert answer.status_code == 401


@pytest.mark.parametrize(("moment", "works"), [(-1, True), (0, False), (1, False)])
def test_the_old_key_dies_exactly_at_the_end_of_the_overlap(
    made: tuple[ApiKey, str], alice: User, monkeypatch: pytest.MonkeyPatch, moment: int, works: bool
) -> None:
    old, text = made
    successor, new_text = keys.rotate_key(old, by=alice, overlap_hours=2)
    end = old.expires_at + timedelta(microseconds=moment)
    at(monkeypatch, end)
    assert (keys.find_key(text) is not None) == works
    assert keys.find_key(new_text) == successor
    assert ApiKey.objects.live(end).filter(pk=old.pk).exists() == works


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(models, "timezone", SimpleNamespace(now=lambda: moment))


def test_aut_03_the_text_of_a_key_is_nowhere(
    client: Client, alice: User, workspace: Workspace, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.force_login(alice)
    texts = make_keys_everywhere(client)
    pages = use_keys_everywhere(client, texts)
    dump = io.StringIO()
    call_command("dumpdata", stdout=dump)
    kept = {
        "pages": pages,
        "database": dump.getvalue() + str(everything()),
        "redis": everything_in(redis),
        "log": caplog.text,
    }
    secrets = [text.rpartition("_")[2] for text in texts]
    assert len(secrets) == 5
    found = [
        (place, text[:12]) for place, said in kept.items() for text in secrets if text in said or text[:32] in said
    ]
    assert found == []


def make_keys_everywhere(client: Client) -> list[str]:
    """Keys by page, API and command, one of them rotated both ways."""
    headers = {"Idempotency-Key": "once"}
    by_page = client.post(reverse("accounts:keys"), {"name": "page", "scopes": "read", "days": "7"}).content.decode()
    by_api = client.post(
        "/api/v1/keys", {"name": "api", "scopes": ["admin"]}, "application/json", headers=headers
    ).json()
    rotated = client.post(f"/api/v1/keys/{by_api['id']}/rotate", {}, "application/json").json()
    key = ApiKey.objects.get(name="page")
    rotated_page = client.post(reverse("accounts:rotate_key", args=[key.pk]), {"overlap_hours": 1}).content.decode()
    printed = io.StringIO()
    call_command("create_key", email="alice@example.com", name="command", stdout=printed)
    return [find_text(by_page), by_api["key"], rotated["key"], find_text(rotated_page), printed.getvalue().strip()]


def use_keys_everywhere(client: Client, texts: list[str]) -> str:
    """Use and misuse the keys; return everything that was answered afterwards."""
    said = ""
    for text in texts:
        for headers in ({"Authorization": f"Bearer {text}"}, {"X-API-Key": text}, {"X-API-Key": text + "x"}):
            for address in ("/api/v1/quotas", "/api/v1/keys", "/api/v1/nowhere", "/keys/"):
                said += client.get(address, headers=headers).content.decode()
    for address in ("/keys/", "/settings/", "/usage/", "/api/v1/keys"):
        said += client.get(address).content.decode()
    replayed = {"Idempotency-Key": "once"}
    said += client.post(
        "/api/v1/keys", {"name": "api", "scopes": ["admin"]}, "application/json", headers=replayed
    ).content.decode()
    return said


def find_text(page: str) -> str:
    start = page.index("mdy_")
    return page[start : start + LENGTH]


def everything() -> list[Any]:
    """Every value of every row."""
    return [list(model._base_manager.values_list()) for model in apps.get_models()]


def everything_in(redis: Any) -> str:
    readers = {
        "hash": redis.hgetall,
        "string": redis.get,
        "set": redis.smembers,
        "list": lambda name: redis.lrange(name, 0, -1),
    }
    readers |= {"zset": lambda name: redis.zrange(name, 0, -1), "stream": redis.xrange}
    return str([(name, readers[redis.type(name)](name)) for name in redis.scan_iter()])
