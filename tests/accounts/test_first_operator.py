"""`manage.py ensure_admin`: the first operator, made once."""

from io import StringIO
from typing import Any

from django.core.management import call_command

from modelyard.accounts.models import User


def ensure() -> str:
    said = StringIO()
    call_command("ensure_admin", stdout=said)
    return said.getvalue().strip()


def test_a_drawn_password_is_printed_once(db: None, environment: Any) -> None:
    environment(admin_email="admin@localhost", admin_password="")
    password = ensure()
    admin = User.objects.get()
    assert (admin.email, admin.is_staff, admin.is_superuser) == ("admin@localhost", True, True)
    assert len(password) >= 16
    assert admin.check_password(password)
    assert admin.memberships.get().role == "owner"
    assert ensure() == ""
    assert User.objects.count() == 1


def test_a_given_password_is_not_printed(db: None, environment: Any) -> None:
    environment(admin_email="Root@Example.com", admin_password="given by the operator")
    assert ensure() == ""
    assert User.objects.get(email="root@example.com").check_password("given by the operator")


def test_an_account_that_signed_up_under_the_address_becomes_the_operator(alice: User, environment: Any) -> None:
    environment(admin_email=alice.email, admin_password="given by the operator")
    ensure()
    admin = User.objects.get()
    assert admin.is_staff
    assert admin.check_password("given by the operator")
