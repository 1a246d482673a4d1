"""This machine: folders, room, settings, GPU."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pynvml
from django.conf import settings

from modelyard.doctoring.findings import Finding, bad, good, warn, words_of
from modelyard.safety import find_unsafe, is_loopback, is_reachable

LITTLE_SHARE, LITTLE_BYTES = 0.10, 10 * 1024**3
HARDLY_BYTES = 1024**3


def check_settings() -> Iterator[Finding]:
    problems = list(find_unsafe(settings.ENVIRONMENT))
    for problem in problems:
        yield bad("settings", problem, "Change the setting; nothing starts before.")
    if not problems:
        yield good("settings", "No setting is unsafe.")


def check_home() -> Iterator[Finding]:
    """Can everything be written that has to be, by this person, and read by nobody else?"""
    environment = settings.ENVIRONMENT
    for about, folder in (("home", Path(environment.home)), ("storage", Path(environment.storage))):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        try:
            tempfile.TemporaryFile(dir=there).close()
        except OSError as fault:
            yield bad(about, f"User {os.geteuid()} cannot write {there}: {words_of(fault)}.", "chown or chmod it.")
            continue
        yield good(about, f"{folder} can be written.")
        yield _look_at_disk(about, there)
    secrets = Path(environment.home) / "secrets"
    loose = [path for path in (secrets, *secrets.glob("*")) if path.exists() and path.stat().st_mode & 0o077]
    if loose:
        yield bad("secrets", f"Others on this machine can read {loose[0]}.", f"chmod -R go= {secrets}")


def _look_at_disk(about: str, folder: Path) -> Finding:
    disk = shutil.disk_usage(folder)
    said = f"{disk.free / 1024**3:.1f} GiB of {disk.total / 1024**3:.0f} GiB are free for the {about}"
    advice = (
        "Delete what is not needed, set retention times, or give it a larger disk: uploads are refused when it is full."
    )
    if disk.free < HARDLY_BYTES:
        return bad("disk", f"{said}.", advice)
    if disk.free < min(LITTLE_SHARE * disk.total, LITTLE_BYTES):
        return warn("disk", f"{said}.", advice)
    return good("disk", f"{said}.")


def check_addresses() -> Iterator[Finding]:
    """Do public address, allowed hosts and TLS go together?"""
    environment = settings.ENVIRONMENT
    public = urlsplit(environment.public_url)
    hosts = environment.allowed_hosts
    if public.scheme not in ("http", "https") or not public.hostname:
        yield bad(
            "address", f"MODELYARD_PUBLIC_URL is {environment.public_url!r}.", "Set it to what people type, https://…"
        )
        return
    if "*" in hosts and is_reachable(environment):
        advice = f"Set MODELYARD_ALLOWED_HOSTS to {public.hostname}."
        yield warn("hosts", "MODELYARD_ALLOWED_HOSTS takes any name.", advice)
    elif not any(_matches(public.hostname, host) for host in hosts):
        yield bad(
            "hosts",
            f"Every page is refused: MODELYARD_ALLOWED_HOSTS does not list {public.hostname} of MODELYARD_PUBLIC_URL.",
            f"Add {public.hostname} to MODELYARD_ALLOWED_HOSTS.",
        )
    else:
        yield good("hosts", f"Pages are served as {environment.public_url}.")
    if public.scheme == "http" and not is_loopback(public.hostname):
        yield warn(
            "tls",
            "Passwords and keys travel unencrypted.",
            "Put a proxy with a certificate in front that sets X-Forwarded-Proto, and set MODELYARD_PUBLIC_URL=https://…",
        )


def _matches(host: str, allowed: str) -> bool:
    return allowed == "*" or host == allowed.strip("[]") or (allowed.startswith(".") and f".{host}".endswith(allowed))


def check_mail() -> Iterator[Finding]:
    if settings.ENVIRONMENT.email_url.startswith("console"):
        advice = "Set MODELYARD_EMAIL_URL, for links to new passwords, invitations and warnings."
        yield warn("mail", "Mails are written to the log instead of being sent.", advice)
        return
    from django.core.mail import get_connection

    try:
        connection = get_connection(timeout=5)
        connection.open()
        connection.close()
    except OSError as fault:
        yield bad(
            "mail", f"The mail server does not answer as it should: {words_of(fault)}.", "Look at MODELYARD_EMAIL_URL."
        )
    else:
        yield good("mail", "The mail server answers.")


def check_gpu() -> Iterator[Finding]:
    """The GPU that this machine's trainers are to use is there."""
    wanted = [int(index) for index in settings.ENVIRONMENT.device.split(",") if index.isdecimal()]
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError as fault:
        count, why = 0, str(fault)
    else:
        why = "the driver knows of none"
    if any(index >= count for index in wanted):
        yield bad(
            "gpu",
            f"MODELYARD_DEVICE is {settings.ENVIRONMENT.device}, but there are {count} GPUs ({why}).",
            "Look at nvidia-smi.",
        )
    else:
        yield good("gpu", f"{count} GPUs." if count else f"No GPU ({why}); runs are trained by the processor.")
