"""Mail is sent in the background; tests wait for it and look for the link."""

import re
import time

from django.core import mail
from django.core.mail import EmailMessage


def wait_for_mails(count: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while len(mail.outbox) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(mail.outbox) == count


def link_in(message: EmailMessage) -> str:
    found = re.search(r"^https?://\S+$", str(message.body), re.MULTILINE)
    assert found is not None
    return found[0]
