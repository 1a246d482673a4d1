"""The one place where environment variables are read. Each is documented in `docs/settings.md`; a test compares."""

import os
import re
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelyard.ciphering import KeyRing
from modelyard.objects.bucket import Bucket, parse_bucket

ROOT = Path(__file__).resolve().parents[2]


class UnsafeSetting(Exception):
    """A variable has a value that cannot be meant; the message says which and what is wanted."""


@dataclass(frozen=True, kw_only=True)
class SingleSignOn:
    """The identity provider (OpenID Connect) that people may sign in by, and whom it lets in."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    domains: frozenset[str]
    sign_up: bool


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
    backup_keys: KeyRing
    allowed_hosts: tuple[str, ...]
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    storage: Path
    weights: Path
    bucket: Bucket | None
    cache: int
    checkpoint_seconds: int
    metrics_token: str = field(repr=False)
    sign_up: bool
    second_factor: str
    single_sign_on: SingleSignOn | None
    email_url: str = field(repr=False)
    email_from: str
    upload_max_bytes: int
    train_memory_bytes: int
    warm_trainer_bytes: int
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
        backup_keys=read_keys("MODELYARD_BACKUP_KEY"),
        allowed_hosts=tuple(
            name.strip()
            for name in read_text("MODELYARD_ALLOWED_HOSTS", f"localhost,127.0.0.1,[::1],{shown}").split(",")
        ),
        database_url=read_hidden("DATABASE_URL", f"sqlite:///{home / 'database' / 'modelyard.sqlite3'}"),
        redis_url=read_hidden("REDIS_URL", embedded_redis_url(home)),
        storage=read_storage(home),
        weights=Path(read_text("MODELYARD_WEIGHTS", str(home / "weights"))).resolve(),
        bucket=read_bucket(),
        cache=read_cache_bytes(),
        checkpoint_seconds=read_integer("MODELYARD_CHECKPOINT_SECONDS", 60, 1, 86_400),
        metrics_token=read_metrics_token(),
        sign_up=read_flag("MODELYARD_SIGN_UP", True),
        second_factor=read_choice("MODELYARD_SECOND_FACTOR", ("optional", "operators", "everybody")),
        single_sign_on=read_single_sign_on(),
        email_url=read_hidden("MODELYARD_EMAIL_URL", "console:"),
        email_from=read_text("MODELYARD_EMAIL_FROM", "modelyard@localhost"),
        upload_max_bytes=read_integer("MODELYARD_UPLOAD_MAX_BYTES", 2 * 1024**3, 1024, 1024**4),
        train_memory_bytes=read_integer("MODELYARD_TRAIN_MEMORY_BYTES", 0, 0, 1024**4),
        warm_trainer_bytes=read_integer("MODELYARD_WARM_TRAINER_BYTES", 2 * 1024**3, 0, 1024**4),
        ingest_memory_bytes=read_integer("MODELYARD_INGEST_MEMORY_BYTES", 2 * 1024**3, 256 * 1024**2, 1024**4),
        score_memory_bytes=read_integer("MODELYARD_SCORE_MEMORY_BYTES", 4 * 1024**3, 256 * 1024**2, 1024**4),
        batch_keep_days=read_integer("MODELYARD_BATCH_KEEP_DAYS", 30, 1, 3650),
        lease_seconds=read_integer("MODELYARD_LEASE_SECONDS", 90, 2, 3600),
        heartbeat_seconds=read_integer("MODELYARD_HEARTBEAT_SECONDS", 15, 1, 600),
        device=read_device(),
        admin_email=read_text("MODELYARD_ADMIN_EMAIL", "admin@localhost"),
        admin_password=read_hidden("MODELYARD_ADMIN_PASSWORD", ""),
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


def read_choice(name: str, choices: tuple[str, ...]) -> str:
    """One of `choices`; the first where the variable is not set."""
    text = read_text(name, choices[0]).lower()
    if text not in choices:
        raise UnsafeSetting(f"{name} must be one of {', '.join(choices)}, got {text!r}")
    return text


def read_single_sign_on() -> SingleSignOn | None:
    """The identity provider; None where none is named."""
    issuer = read_text("MODELYARD_SSO_ISSUER", "")
    if not issuer:
        return None
    url = urlsplit(issuer)
    if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise UnsafeSetting(f"MODELYARD_SSO_ISSUER must start with https://, got {issuer!r}")
    client_id, secret = read_text("MODELYARD_SSO_CLIENT_ID", ""), read_hidden("MODELYARD_SSO_CLIENT_SECRET", "")
    if not client_id or not secret:
        raise UnsafeSetting("MODELYARD_SSO_ISSUER needs MODELYARD_SSO_CLIENT_ID and MODELYARD_SSO_CLIENT_SECRET too")
    domains = (name.strip().lower().lstrip("@") for name in read_text("MODELYARD_SSO_DOMAINS", "").split(","))
    return SingleSignOn(
        issuer=issuer,
        client_id=client_id,
        client_secret=secret,
        name=read_text("MODELYARD_SSO_NAME", url.hostname or issuer),
        domains=frozenset(name for name in domains if name),
        sign_up=read_flag("MODELYARD_SSO_SIGN_UP", True),
    )


def read_device() -> str:
    """The GPUs that a trainer of this machine may use: their numbers, "cpu", or "" for the first one, if any."""
    text = read_text("MODELYARD_DEVICE", "").lower().replace(" ", "")
    if text and text != "cpu" and not all(number.isdecimal() for number in text.split(",")):
        raise UnsafeSetting(f"MODELYARD_DEVICE must be the number of a GPU, several as in 0,1, or cpu, got {text!r}")
    return text


def read_secret(name: str, path: Path) -> str:
    """The secret in the variable, in the file that `NAME_FILE` names, or drawn once and kept at `path`."""
    value = read_hidden(name, "") or _kept_secret(path)
    if len(value) < 32:
        raise UnsafeSetting(f"{name} must have at least 32 characters; leave it out and one is drawn and kept")
    return value


def read_hidden(name: str, default: str) -> str:
    """What a variable with something secret in it says, or the file that `NAME_FILE` names."""
    named = os.environ.get(f"{name}_FILE", "").strip()
    if not named:
        return read_text(name, default)
    try:
        text = Path(named).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise UnsafeSetting(f"{name}_FILE names {named}, which cannot be read: {fault}") from None
    if not text:
        raise UnsafeSetting(f"{name}_FILE names {named}, which is empty")
    return text


def read_keys(name: str) -> KeyRing:
    """Keys that encrypt files, apart by white space: the first encrypts, all decrypt."""
    try:
        return KeyRing.of(read_hidden(name, ""))
    except ValueError as fault:
        raise UnsafeSetting(f"{name}: {fault}; `openssl rand -hex 32` draws one") from None


def is_given(name: str) -> bool:
    """Whether somebody set the variable, or names a file for it."""
    return bool(read_text(name, "") or read_text(f"{name}_FILE", ""))


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
    token = read_hidden("MODELYARD_METRICS_TOKEN", "")
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
    if url.scheme == "s3" or (url.scheme == "file" and read_keys("MODELYARD_STORAGE_KEY")):
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
    """The object store that holds the files, or the folder of encrypted ones; None where files lie open in a folder."""
    text, keys = read_text("MODELYARD_STORAGE_URL", ""), read_keys("MODELYARD_STORAGE_KEY")
    if urlsplit(text).scheme != "s3":
        return _encrypted_folder(keys) if keys else None
    try:
        return replace(parse_bucket(text), keys=keys)
    except ValueError as fault:
        raise UnsafeSetting(f"MODELYARD_STORAGE_URL {fault}") from None


def _encrypted_folder(keys: KeyRing) -> Bucket:
    home = Path(read_text("MODELYARD_HOME", str(ROOT / "var"))).resolve()
    url = urlsplit(read_text("MODELYARD_STORAGE_URL", f"file://{home / 'storage'}"))
    return Bucket(name="encrypted", folder=Path(unquote(url.path)) / "encrypted", keys=keys)


def read_cache_bytes() -> int:
    """How much of what is stored elsewhere, or encrypted, this machine keeps plain copies of."""
    usual = 0 if read_keys("MODELYARD_STORAGE_KEY") else 20 * 1024**3
    return read_integer("MODELYARD_STORAGE_CACHE_BYTES", usual, 0, 1024**5)
