"""Settings with which nothing may start: they would let strangers in, or mix what must not be mixed."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from modelyard.environment import Environment, UnsafeSetting
from modelyard.keeping.interrupted import describe_cut_off_restore

SAMPLES = (
    "changeme",
    "change-me",
    "change_me",
    "secret",
    "password",
    "insecure",
    "example",
    "modelyard",
    "admin",
    "123456",
)
"""What stands in samples and guides; a secret that is one of these, or nothing but repetitions of one, is none."""
SECRETS = {
    "MODELYARD_SECRET_KEY": "secret_key",
    "MODELYARD_KEY_PEPPER": "key_pepper",
    "MODELYARD_AUDIT_KEY": "audit_key",
}


def refuse_unsafe_start(environment: Environment) -> None:
    """Raises `UnsafeSetting` with everything that is wrong, one a line."""
    problems = list(find_unsafe(environment))
    if problems:
        raise UnsafeSetting(
            "this installation does not start like this:\n" + "\n".join(f"  - {one}" for one in problems)
        )


def find_unsafe(environment: Environment) -> Iterator[str]:
    """What must not be, in sentences that say what to do."""
    for variable, name in SECRETS.items():
        if is_sample(getattr(environment, name)):
            yield f"{variable} is a sample; leave it out and one is drawn, or set what `openssl rand -hex 32` prints"
    if environment.admin_password and is_sample(environment.admin_password):
        yield "MODELYARD_ADMIN_PASSWORD is a sample; leave it out and one is drawn and printed once"
    secrets = [getattr(environment, name) for name in SECRETS.values()]
    if len(set(secrets)) < len(secrets):
        yield f"{', '.join(SECRETS)} must differ from each other"
    if environment.debug and is_reachable(environment):
        yield (
            "MODELYARD_DEBUG=1 shows settings and code to everybody who can reach this installation "
            f"({environment.host}, {environment.public_url}); set it to 0, or MODELYARD_HOST to 127.0.0.1"
        )
    cut_off = describe_cut_off_restore(environment.home)
    if cut_off:
        yield cut_off


def is_reachable(environment: Environment) -> bool:
    """Whether others than this machine may reach the pages."""
    return not (is_loopback(environment.host) and is_loopback(urlsplit(environment.public_url).hostname or ""))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_sample(secret: str) -> bool:
    text = secret.lower().strip()
    return any(text.replace(word, "").strip("-_ !.0123456789") == "" for word in SAMPLES) or text.startswith(
        "django-insecure"
    )
