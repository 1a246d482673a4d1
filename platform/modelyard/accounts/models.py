"""Who: people, the workspaces they share, their keys, and the record of what they did."""

import secrets
import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a member may do: look; change things; change people, keys of others, and the workspace itself."""

    VIEWER = "viewer", _("Viewer")
    EDITOR = "editor", _("Editor")
    OWNER = "owner", _("Owner")


def draw_stamp() -> str:
    return secrets.token_hex(8)


class UserManager(BaseUserManager["User"]):
    """Makes people; the e-mail address is the login and is kept in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. `is_staff` makes an operator, who sees the admin console.

    Sessions are bound to `session_stamp`: a new one ends them all.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(_("operator"), default=False)
    session_stamp = models.CharField(max_length=16, default=draw_stamp, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    def __str__(self) -> str:
        return self.name or self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        text = f"{self.password}:{self.session_stamp}"
        return salted_hmac("modelyard.accounts.session", text, secret=secret, algorithm="sha256").hexdigest()


class Identity(models.Model):
    """Who a person is to an identity provider: `subject` never changes there, an e-mail address may."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    issuer = models.URLField(max_length=300)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_identity"),
            models.UniqueConstraint(fields=["user", "issuer"], name="one_identity_of_a_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(memberships__user=user).distinct()


class Workspace(models.Model):
    """The owner of everything: data sets, runs, models, endpoints, keys and quotas belong to a workspace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120)
    second_factor = models.BooleanField(_("members need a second factor"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's role in a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "user"], name="one_membership")]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"


class Invitation(models.Model):
    """A link that makes its bearer a member; the token is kept as a digest and used once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.email


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self, at: datetime | None = None) -> Self:
        """Neither revoked nor expired."""
        now = at or timezone.now()
        return self.filter(revoked_at=None).filter(Q(expires_at=None) | Q(expires_at__gt=now))

    def manageable_by(self, user: User, workspace: Workspace) -> Self:
        """An owner's are all keys of the workspace, everybody else's their own there."""
        mine = Q(workspace__memberships__user=user)
        owned = Q(workspace__memberships__role=Role.OWNER)
        return self.filter(mine & (owned | Q(user=user)), workspace=workspace).distinct()


class ApiKey(models.Model):
    """A key for programs. `id` is its public part; the secret is kept as a digest (see `contracts.keys`)."""

    id = models.CharField(primary_key=True, max_length=8, editable=False)
    digest = models.CharField(max_length=64)
    name = models.CharField(_("name"), max_length=120)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="keys")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="keys")
    scopes = models.JSONField(default=list)
    endpoints = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    replaces = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="replaced_by")

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    @property
    def state(self) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.is_live else "expired"


class AuditEvent(models.Model):
    """Who did what to which object, when, from where. Only ever added to, by `services.record`.

    Person and workspace are kept by id and nothing happens to the event when they go; `mark` shows any change.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)
    actor = models.ForeignKey(User, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    workspace = models.ForeignKey(
        Workspace, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    action = models.CharField(max_length=60, db_index=True)
    subject = models.CharField(max_length=200)
    details = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    key = models.CharField(max_length=8, blank=True)
    mark = models.CharField(max_length=80, unique=True, editable=False)

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class AuditSeal(models.Model):
    """A place in the chain of audit events. Only ever added to, by `audit.sealing`; `audit.marking` makes the hash."""

    seq = models.BigIntegerField(primary_key=True)
    event = models.BigIntegerField(unique=True)
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


class AuditCheck(models.Model):
    """What the last verification of the audit log found; `mark` shows that it was one."""

    at = models.DateTimeField()
    events = models.BigIntegerField()
    head = models.CharField(max_length=90)
    fault = models.TextField()
    mark = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.fault or f"{self.events} events are good"


class IdempotentAnswer(models.Model):
    """The answer that a request with an `Idempotency-Key` got, so that a repeat gets it again and does nothing."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "key"], name="one_answer")]

    def __str__(self) -> str:
        return self.key


class Attempts(models.Model):
    """How often something guessable was tried under a name (a digest), and until when it is not tried again."""

    name = models.CharField(primary_key=True, max_length=64)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    blocked_until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
