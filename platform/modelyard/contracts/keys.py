"""API keys: `mdy_<id>_<secret><checksum>`, drawn, recognised and digested. Stored is the digest, never the key.

`id` (8 characters) is public and finds the row; `secret` (32 of base 62, 190 bits) is random; `checksum` (6 of base 62)
is the CRC-32 of everything before it, so that a typo is told from a wrong key without a look-up. A fast digest is
right for a secret of that entropy (OWASP ASVS 5.0, 6.5.2); the pepper keeps a stolen table useless.
"""

import hashlib
import hmac
import secrets
import string
import zlib
from dataclasses import dataclass

PREFIX = "mdy_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 8, 32, 6
LENGTH = len(PREFIX) + ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH


class MalformedKey(ValueError):
    """What came cannot be a key: a wrong prefix, length, letter or checksum (a typo, most likely)."""


@dataclass(frozen=True, kw_only=True)
class ParsedKey:
    """The two parts of a well-formed key."""

    id: str
    secret: str


def draw_key() -> str:
    """Return a new random key."""
    return compose_key(_draw(ID_LENGTH), _draw(SECRET_LENGTH))


def compose_key(key_id: str, secret: str) -> str:
    """Return the key of these parts, its checksum appended."""
    body = f"{PREFIX}{key_id}_{secret}"
    return body + _checksum(body)


def parse_key(key: str) -> ParsedKey:
    """Return the parts of `key`. Raises `MalformedKey`."""
    if not key.startswith(PREFIX) or len(key) != LENGTH or key[len(PREFIX) + ID_LENGTH] != "_":
        raise MalformedKey(f"an API key starts with {PREFIX} and has {LENGTH} characters")
    body, checksum = key[:-CHECKSUM_LENGTH], key[-CHECKSUM_LENGTH:]
    if not hmac.compare_digest(_checksum(body).encode(), checksum.encode("utf-8", "replace")):
        raise MalformedKey("the API key has a typing error: its checksum does not fit")
    key_id, secret = body[len(PREFIX) :].split("_", 1)
    return ParsedKey(id=key_id, secret=secret)


def digest_secret(secret: str, pepper: bytes) -> str:
    """Return HMAC-SHA256 of the secret under the installation's pepper, in hexadecimal."""
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()


def _draw(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    value = zlib.crc32(body.encode("utf-8", "replace"))
    letters = ""
    for _ in range(CHECKSUM_LENGTH):
        value, index = divmod(value, len(ALPHABET))
        letters = ALPHABET[index] + letters
    return letters
