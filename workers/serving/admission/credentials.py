"""Where an API key may stand in a request, so that clients which know other schemes can carry it.

`Bearer KEY` and `X-API-Key: KEY` are ours. `Basic` takes it as the user or as the password. In a request that is signed
as AWS asks (version 4), it is the access key id: keys are bearer secrets, so the signature says nothing more and is not
looked at; as with every other scheme it is TLS that keeps the key.
"""

import binascii
import re
from base64 import b64decode

from modelyard.contracts.keys import PREFIX
from workers.serving.problems import unauthorized

WANTED = "send an API key as 'Authorization: Bearer mdy_…' or 'X-API-Key: mdy_…'"
SIGNED = b"AWS4-"
_ACCESS_KEY_ID = re.compile(r"AWS4-HMAC-SHA256[ ,].*?Credential=([^/, ]+)/")


def read_credential(authorization: bytes | None, api_key: bytes | None) -> str:
    """Return what should be a key. Raises a 401 where nothing came that could be one."""
    if authorization is None:
        if api_key is None:
            raise unauthorized(f"no API key came with the request; {WANTED}")
        return api_key.decode("latin-1").strip()
    text = authorization.decode("latin-1")
    scheme, _, rest = text.partition(" ")
    if scheme.lower() == "bearer":
        found = rest.strip()
    elif scheme.lower() == "basic":
        found = _read_basic(rest)
    else:
        signed = _ACCESS_KEY_ID.match(text)
        found = signed[1] if signed else ""
    if not found:
        raise unauthorized(f"the Authorization header is no Bearer key; {WANTED}")
    return found


def is_signed(authorization: bytes | None) -> bool:
    """Whether a client of AWS asks; each of its requests carries another header."""
    return authorization is not None and authorization.startswith(SIGNED)


def _read_basic(encoded: str) -> str:
    try:
        user, _, password = b64decode(encoded.strip(), validate=True).decode("latin-1").partition(":")
    except (binascii.Error, ValueError):
        return ""
    return user if user.startswith(PREFIX) else password
