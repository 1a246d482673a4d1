"""The one place where environment variables are read. Each is documented in `docs/settings.md`; a test compares."""

import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelyard.objects.bucket import Bucket, parse_bucket

ROOT = Path(__file__).resolve().parents[2]


class UnsafeSetting(Exception):
    """A variable has a value that cannot be meant; the message says which and what is wanted."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What the variables say, checked."""

    home: Path
    host: str
    port: int
    predict_host: str
    predict_port: int
    public_url: str
    predict_url: str
    predict_internal_url: str
    predict_grpc_address: str
    debug: bool
    secret_key: str = field(repr=False)
    key_pepper: str = field(repr=False)
    audit_key: str = field(repr=False)
    allowed_hosts: tuple[str, ...]
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    storage: Path
    bucket: Bucket | None
    cache: int
    checkpoint_seconds: int
    metrics_token: str = field(repr=False)
    sign_up: bool
    email_url: str = field(repr=False)
    email_from: str
    upload_max_bytes: int
    train_memory_bytes: int
    ingest_memory_bytes: int
    score_memory_bytes: int
    batch_keep_days: int
    lease_seconds: int
    heartbeat_seconds: int
    device: str
    admin_email: str
    admin_password: str = field(repr=False)
    sample: bool
    trainers: int


def read_environment() -> Environment:
    """Read and check every variable. Raises `UnsafeSetting`."""
    home = Path(read_text("MODELYARD_HOME", str(ROOT / "var"))).resolve()
    host, port = read_text("MODELYARD_HOST", "127.0.0.1"), read_integer("MODELYARD_PORT", 8000, 1, 65535)
    predict_host = read_text("MODELYARD_PREDICT_HOST", host)
    predict_port = read_integer("MODELYARD_PREDICT_PORT", 8001, 1, 65535)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return Environment(
        home=home,
        host=host,
        port=port,
        predict_host=predict_host,
        predict_port=predict_port,
        public_url=read_text("MODELYARD_PUBLIC_URL", f"http://{shown}:{port}").rstrip("/"),
        predict_url=read_text("MODELYARD_PREDICT_URL", f"http://{shown}:{predict_port}").rstrip("/"),
        predict_internal_url=read_text("MODELYARD_PREDICT_INTERNAL_URL", f"http://{shown}:{predict_port}").rstrip("/"),
        predict_grpc_address=_read_grpc_address(shown),
        debug=read_flag("MODELYARD_DEBUG", False),
        secret_key=read_secret("MODELYARD_SECRET_KEY", home / "secrets" / "secret_key"),
        key_pepper=read_secret("MODELYARD_KEY_PEPPER", home / "secrets" / "key_pepper"),
        audit_key=read_secret("MODELYARD_AUDIT_KEY", home / "secrets" / "audit_key"),
        allowed_hosts=tuple(
            name.strip()
            for name in read_text("MODELYARD_ALLOWED_HOSTS", f"localhost,127.0.0.1,[::1],{shown}").split(",")
        ),
        database_url=read_text("DATABASE_URL", f"sqlite:///{home / 'database' / 'modelyard.sqlite3'}"),
        redis_url=read_text("REDIS_URL", embedded_redis_url(home)),
        storage=read_storage(home),
        bucket=read_bucket(),
        cache=read_cache_bytes(),
        checkpoint_seconds=read_integer("MODELYARD_CHECKPOINT_SECONDS", 60, 1, 86_400),
        metrics_token=read_metrics_token(),
        sign_up=read_flag("MODELYARD_SIGN_UP", True),
        email_url=read_text("MODELYARD_EMAIL_URL", "console:"),
        email_from=read_text("MODELYARD_EMAIL_FROM", "modelyard@localhost"),
        upload_max_bytes=read_integer("MODELYARD_UPLOAD_MAX_BYTES", 2 * 1024**3, 1024, 1024**4),
        train_memory_bytes=read_integer("MODELYARD_TRAIN_MEMORY_BYTES", 0, 0, 1024**4),
        ingest_memory_bytes=read_integer("MODELYARD_INGEST_MEMORY_BYTES", 2 * 1024**3, 256 * 1024**2, 1024**4),
        score_memory_bytes=read_integer("MODELYARD_SCORE_MEMORY_BYTES", 4 * 1024**3, 256 * 1024**2, 1024**4),
        batch_keep_days=read_integer("MODELYARD_BATCH_KEEP_DAYS", 30, 1, 3650),
        lease_seconds=read_integer("MODELYARD_LEASE_SECONDS", 90, 2, 3600),
        heartbeat_seconds=read_integer("MODELYARD_HEARTBEAT_SECONDS", 15, 1, 600),
        device=read_device(),
        admin_email=read_text("MODELYARD_ADMIN_EMAIL", "admin@localhost"),
        admin_password=read_text("MODELYARD_ADMIN_PASSWORD", ""),
        sample=read_flag("MODELYARD_SAMPLE", True),
        trainers=read_integer("MODELYARD_TRAINERS", 1, 1, 64),
    )


def read_text(name: str, default: str) -> str:
    return os.environ.get(name, "").strip() or default


def read_integer(name: str, default: int, low: int, high: int) -> int:
    text = read_text(name, str(default))
    try:
        number = int(text)
    except ValueError:
        raise UnsafeSetting(f"{name} must be a whole number, got {text!r}") from None
    if not low <= number <= high:
        raise UnsafeSetting(f"{name} must be from {low} to {high}, got {number}")
    return number


def read_flag(name: str, default: bool) -> bool:
    text = read_text(name, "1" if default else "0").lower()
    if text not in ("0", "1", "true", "false", "yes", "no"):
        raise UnsafeSetting(f"{name} must be 1 or 0, got {text!r}")
    return text in ("1", "true", "yes")


def read_device() -> str:
    """The GPU that a trainer of this machine may use: its number, "cpu", or "" for the first one if there is any."""
    text = read_text("MODELYARD_DEVICE", "").lower()
    if text and text != "cpu" and not text.isdecimal():
        raise UnsafeSetting(f"MODELYARD_DEVICE must be the number of a GPU or cpu, got {text!r}")
    return text


def read_secret(name: str, path: Path) -> str:
    """The secret in the variable, in the file that `NAME_FILE` names, or drawn once and kept at `path`."""
    value = os.environ.get(name, "").strip()
    named = os.environ.get(name + "_FILE", "").strip()
    if named:
        value = Path(named).read_text(encoding="utf-8").strip()
    if not value:
        value = _kept_secret(path)
    if len(value) < 32:
        raise UnsafeSetting(f"{name} must have at least 32 characters; leave it out and one is drawn and kept")
    return value


def _kept_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="utf-8").strip()


def read_grpc_port() -> int:
    """The predictor's port for gRPC; 0 is none."""
    return read_integer("MODELYARD_PREDICT_GRPC_PORT", 8002, 0, 65535)


def _read_grpc_address(host: str) -> str:
    """What people are told of gRPC; empty where it is off."""
    port = read_grpc_port()
    return read_text("MODELYARD_PREDICT_GRPC_ADDRESS", f"{host}:{port}") if port else ""


def read_metrics_token() -> str:
    """What a program must send to read `/metrics`; empty: only programs on the same machine may."""
    token = read_text("MODELYARD_METRICS_TOKEN", "")
    if token and len(token) < 16:
        raise UnsafeSetting("MODELYARD_METRICS_TOKEN must have at least 16 characters, or be left out")
    return token


def read_origins(name: str) -> frozenset[str]:
    """Return the origins of web pages that a list with commas names; `*` is every one."""
    origins = frozenset(origin.strip() for origin in read_text(name, "").split(",") if origin.strip())
    for origin in origins - {"*"}:
        if not re.fullmatch(r"https?://[^/?#\s,]+", origin):
            raise UnsafeSetting(f"{name} must be origins such as https://shop.example, or *, got {origin!r}")
    return origins


def embedded_redis_url(home: Path) -> str:
    """The Redis that `make up` starts writes down where it listens."""
    note = home / "redis" / "url"
    return note.read_text(encoding="utf-8").strip() if note.is_file() else "redis://127.0.0.1:6379/0"


def read_storage(home: Path) -> Path:
    """The folder that all machines share or, beside an object store, the one for this machine's copies."""
    text = read_text("MODELYARD_STORAGE_URL", f"file://{home / 'storage'}")
    url = urlsplit(text)
    if url.scheme == "s3":
        return _cache_folder(Path(read_text("MODELYARD_STORAGE_CACHE", str(home / "cache"))).resolve())
    if url.scheme != "file" or url.netloc:
        raise UnsafeSetting(
            "MODELYARD_STORAGE_URL must be file:///a/folder that all machines share, or s3://bucket/prefix, "
            f"got scheme {url.scheme!r}"
        )
    return Path(unquote(url.path))


def _cache_folder(folder: Path) -> Path:
    """A folder for copies, marked as such: what lies in it may be deleted, so it must not hold anything else."""
    mark = folder / ".copies"
    if not mark.is_dir() and folder.is_dir() and any(folder.iterdir()):
        raise UnsafeSetting(
            f"MODELYARD_STORAGE_CACHE is a folder for copies of an object store, and {folder} holds something else; "
            "name an empty or new one"
        )
    mark.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def read_bucket() -> Bucket | None:
    """The object store that holds the files; None where machines share a folder."""
    text = read_text("MODELYARD_STORAGE_URL", "")
    if urlsplit(text).scheme != "s3":
        return None
    try:
        return parse_bucket(text)
    except ValueError as fault:
        raise UnsafeSetting(f"MODELYARD_STORAGE_URL {fault}") from None


def read_cache_bytes() -> int:
    """How much of an object store this machine keeps copies of."""
    return read_integer("MODELYARD_STORAGE_CACHE_BYTES", 20 * 1024**3, 1024**2, 1024**5)
