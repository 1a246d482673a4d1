"""The people of a workspace, and the way in."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts import members, services
from modelyard.accounts.forms import InvitationForm, WorkspaceForm, WorkspaceRuleForm
from modelyard.accounts.middleware import SESSION_NAME
from modelyard.accounts.models import Invitation, Membership, Role, Workspace
from modelyard.accounts.requests import person_of, workspace_of_page
from modelyard.errors import Conflict, InvalidInput


@login_required
@require_http_methods(["GET", "HEAD"])
def members_page(request: HttpRequest) -> HttpResponse:
    workspace = workspace_of_page(request)
    return _show_members(request, workspace, InvitationForm(), WorkspaceForm(initial={"name": workspace.name}))


@login_required
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    workspace = workspace_of_page(request)
    services.require_role(person_of(request), workspace, Role.OWNER)
    form = InvitationForm(request.POST)
    rename_form = WorkspaceForm(initial={"name": workspace.name})
    if not form.is_valid():
        return _show_members(request, workspace, form, rename_form)
    email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
    try:
        _, link = members.invite(workspace, email, role, by=person_of(request), request=request)
    except Conflict as fault:
        form.add_error("email", fault.message)
        return _show_members(request, workspace, form, rename_form)
    return _show_members(request, workspace, InvitationForm(), rename_form, link=link, invited=email)


@login_required
@require_POST
def rename(request: HttpRequest) -> HttpResponse:
    workspace = workspace_of_page(request)
    services.require_role(person_of(request), workspace, Role.OWNER)
    form = WorkspaceForm(request.POST)
    if not form.is_valid():
        return _show_members(request, workspace, InvitationForm(), form)
    services.rename_workspace(workspace, form.cleaned_data["name"], by=person_of(request), request=request)
    messages.success(request, gettext("Saved."))
    return redirect("accounts:members")


@login_required
@require_POST
def set_rule(request: HttpRequest) -> HttpResponse:
    workspace, form = workspace_of_page(request), WorkspaceRuleForm(request.POST)
    wanted = form.is_valid() and form.cleaned_data["second_factor"]
    services.require_second_factor(workspace, wanted, by=person_of(request), request=request)
    messages.success(request, gettext("Saved."))
    return redirect("accounts:members")


@login_required
@require_POST
def set_role(request: HttpRequest, membership_id: int) -> HttpResponse:
    membership = _membership(request, membership_id)
    services.require_role(person_of(request), membership.workspace, Role.OWNER)
    role = request.POST.get("role", "")
    if role not in Role.values:
        raise InvalidInput({"role": f"must be one of {', '.join(Role.values)}"})
    members.set_role(membership, Role(role), by=person_of(request), request=request)
    messages.success(
        request, gettext("%(person)s is now %(role)s.") % {"person": membership.user, "role": Role(role).label}
    )
    return redirect("accounts:members")


@login_required
@require_POST
def remove(request: HttpRequest, membership_id: int) -> HttpResponse:
    membership = _membership(request, membership_id)
    members.remove_member(membership, by=person_of(request), request=request)
    if membership.user_id == person_of(request).pk:
        request.session.pop(SESSION_NAME, None)
        return redirect("home")
    messages.success(request, gettext("%(person)s is no longer a member.") % {"person": membership.user})
    return redirect("accounts:members")


@login_required
@require_POST
def withdraw(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    invitation = get_object_or_404(
        Invitation.objects.select_related("workspace"), pk=invitation_id, workspace=workspace_of_page(request)
    )
    members.withdraw_invitation(invitation, by=person_of(request), request=request)
    messages.success(request, gettext("The invitation is withdrawn; its link no longer works."))
    return redirect("accounts:members")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_page(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind an invitation's link: who invites to what; joining takes a click, so that no preview joins."""
    invitation = members.find_invitation(token)
    if request.method == "POST":
        workspace = members.accept_invitation(token, by=person_of(request), request=request)
        request.session[SESSION_NAME] = str(workspace.pk)
        messages.success(request, gettext("Welcome to %(workspace)s.") % {"workspace": workspace})
        return redirect("home")
    return render(request, "accounts/invitation.html", {"invitation": invitation})


def _membership(request: HttpRequest, membership_id: int) -> Membership:
    mine = Membership.objects.filter(workspace=workspace_of_page(request)).select_related("user", "workspace")
    return get_object_or_404(mine, pk=membership_id)


def _show_members(
    request: HttpRequest,
    workspace: Workspace,
    form: InvitationForm,
    rename_form: WorkspaceForm,
    *,
    link: str = "",
    invited: str = "",
) -> HttpResponse:
    open_invitations = Invitation.objects.filter(
        workspace=workspace, accepted_at=None, expires_at__gt=timezone.now()
    ).order_by("-created_at")
    context = {
        "memberships": workspace.memberships.select_related("user").order_by("created_at"),
        "invitations": open_invitations if members.may_manage(person_of(request), workspace) else [],
        "roles": Role.choices,
        "form": form,
        "rename_form": rename_form,
        "rule_form": WorkspaceRuleForm(initial={"second_factor": workspace.second_factor}),
        "link": link,
        "invited": invited,
    }
    return render(request, "accounts/members.html", context, status=422 if form.errors or rename_form.errors else 200)
