"""A forgotten password: a link that works once, for an hour, sent to the address of the account."""

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from modelyard.accounts import attempts, mails
from modelyard.accounts.models import User
from modelyard.accounts.services import record


def send_link(email: str) -> None:
    """Send a link to an active account of that address; nothing where there is none, or too many were asked for."""
    person = User.objects.filter(email=email.lower(), is_active=True).first()
    if person is None or not attempts.claim_mail(email):
        return
    words = {"person": person, "link": link_for(person), "minutes": settings.PASSWORD_RESET_TIMEOUT // 60}
    with translation.override(person.language or translation.get_language()):
        mails.send_later("forgotten", person.email, words)
    record("person.forgotten", str(person.pk), by=None, workspace=None)


def link_for(person: User) -> str:
    """The link. Its host is the installation's, never one that a request claims."""
    uid, token = urlsafe_base64_encode(force_bytes(person.pk)), default_token_generator.make_token(person)
    path = reverse("accounts:choose_password", args=[uid, token])
    return f"{settings.ENVIRONMENT.public_url}{path}"
