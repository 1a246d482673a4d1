"""Which bucket: `s3://bucket/prefix?endpoint_url=https://minio:9000&region=…&addressing=path`."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from modelyard.ciphering import KeyRing

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PART = re.compile(r"[A-Za-z0-9._-]{1,100}")
OPTIONS = ("endpoint_url", "region", "addressing")
ADDRESSING = ("auto", "path", "virtual")


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A place in an object store. `prefix` is empty or ends with a slash.

    `keys` encrypt what is stored. `folder` is a folder of this machine, or one that machines share, which holds
    encrypted objects instead of a store over the network.
    """

    name: str
    prefix: str = ""
    endpoint_url: str | None = None
    region: str | None = None
    addressing: str = "auto"
    folder: Path | None = None
    keys: KeyRing = field(default_factory=KeyRing)

    def __str__(self) -> str:
        if self.folder is not None:
            return f"the folder {self.folder}"
        return f"s3://{self.name}/{self.prefix}" + (f" at {self.endpoint_url}" if self.endpoint_url else "")


def parse_bucket(text: str) -> Bucket:
    """Read an address. Raises `ValueError`, saying what is wanted."""
    url = urlsplit(text)
    if "@" in url.netloc:
        raise ValueError("must hold no credentials: give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not NAME.fullmatch(url.netloc):
        raise ValueError(f"must be s3://bucket/prefix with a bucket of 3 to 63 lower-case letters, got {url.netloc!r}")
    parts = [unquote(part) for part in url.path.split("/") if part]
    if any(not PART.fullmatch(part) or part in (".", "..") for part in parts):
        raise ValueError(f"must have a prefix of letters, digits, dots, dashes and underscores, got {url.path!r}")
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    unknown = sorted(options.keys() - set(OPTIONS))
    if unknown or url.fragment:
        raise ValueError(f"takes the options {', '.join(OPTIONS)}, got {', '.join(unknown) or url.fragment!r}")
    endpoint = options.get("endpoint_url") or None
    if endpoint is not None and not _is_endpoint(endpoint):
        raise ValueError(f"must name endpoint_url as http://host:port or https://host:port, got {endpoint!r}")
    addressing = options.get("addressing") or ("path" if endpoint else "auto")
    if addressing not in ADDRESSING:
        raise ValueError(f"takes addressing as {', '.join(ADDRESSING)}, got {addressing!r}")
    return Bucket(
        name=url.netloc,
        prefix="".join(f"{part}/" for part in parts),
        endpoint_url=endpoint,
        region=options.get("region") or None,
        addressing=addressing,
    )


def _is_endpoint(text: str) -> bool:
    url = urlsplit(text)
    return url.scheme in ("http", "https") and bool(url.hostname) and "@" not in url.netloc and not url.query
