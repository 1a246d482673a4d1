"""An authenticator app, as RFC 6238 describes it: what a phone computes from the key and the clock."""

import base64
import hashlib
import hmac
import re
import struct
import time
from html import unescape

from django.test import Client
from django.urls import reverse

from tests.factories import PASSWORD

STEP_SECONDS = 30


def code_of(secret: str, *, steps: int = 0) -> str:
    """The six digits of `secret` now, or so many steps of the clock from now."""
    counter = struct.pack(">Q", int(time.time()) // STEP_SECONDS + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def set_up(client: Client, password: str = PASSWORD) -> tuple[str, list[str]]:
    """Switch the app on in the session of `client`; return its secret and the recovery codes that were shown."""
    page = client.get(reverse("accounts:set_up_app")).content.decode()
    secret = _text_of("app-key", page).replace(" ", "")
    fields = {"code": code_of(secret, steps=-1), "password": password}
    shown = client.post(reverse("accounts:set_up_app"), fields)
    assert shown.status_code == 200, shown.content.decode()
    return secret, _text_of("recovery-codes", shown.content.decode()).strip().splitlines()


def _text_of(name: str, page: str) -> str:
    found = re.search(rf'id="{name}"[^>]*>([^<]*)<', page)
    assert found is not None
    return unescape(found[1])
