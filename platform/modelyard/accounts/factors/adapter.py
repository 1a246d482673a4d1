"""What allauth's second factors know of this installation."""

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings

from modelyard.accounts.keys import pepper
from modelyard.accounts.models import User


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets lie encrypted in the database, under a key that is not in it; passkeys belong to the public address."""

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return what was encrypted. Raises `InvalidToken` where that was done under another pepper."""
        return _box().decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: User) -> str:
        return user.email

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": urlsplit(settings.ENVIRONMENT.public_url).hostname or "", "name": "Modelyard"}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, object]:
        return {"id": str(user.pk).encode(), "display_name": str(user), "name": user.email}


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hmac.new(pepper(), b"second factors", hashlib.sha256).digest()))
