"""Mail to people. Words are in `templates/accounts/mail/<name>.txt`, the first line being the subject."""

import logging
import smtplib
import threading
from collections.abc import Mapping
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

log = logging.getLogger(__name__)


def write(name: str, address: str, words: Mapping[str, Any]) -> EmailMessage:
    """A mail that is ready to be sent, in the active language."""
    subject, _, body = render_to_string(f"accounts/mail/{name}.txt", dict(words)).strip().partition("\n")
    return EmailMessage(" ".join(subject.split()), body.strip() + "\n", to=[address])


def send_later(name: str, address: str, words: Mapping[str, Any]) -> threading.Thread:
    """Write a mail now and send it in the background: nobody waits for it, or can tell by the time that it was sent."""
    message = write(name, address, words)
    thread = threading.Thread(target=_send, args=[message], name=f"mail {name}", daemon=True)
    thread.start()
    return thread


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as fault:
        log.error("a mail was not sent (%s): %s", message.subject, fault)
