from django.urls import path

from modelyard.accounts.views import keys, members, personal, signing_in

app_name = "accounts"
urlpatterns = [
    path("sign-in/", signing_in.sign_in, name="sign_in"),
    path("sign-up/", signing_in.sign_up, name="sign_up"),
    path("sign-out/", signing_in.sign_out, name="sign_out"),
    path("forgotten/", signing_in.forgotten, name="forgotten"),
    path("forgotten/sent/", signing_in.forgotten_sent, name="forgotten_sent"),
    path("forgotten/<uidb64>/<token>/", signing_in.ChooseNewPassword.as_view(), name="choose_password"),
    path("settings/", personal.settings_page, name="settings"),
    path("settings/password/", personal.change_password, name="change_password"),
    path("settings/end-sessions/", personal.end_sessions, name="end_sessions"),
    path("switch/", personal.switch_workspace, name="switch"),
    path("language/", personal.set_language, name="language"),
    path("members/", members.members_page, name="members"),
    path("members/invite/", members.invite, name="invite"),
    path("members/rename/", members.rename, name="rename_workspace"),
    path("members/<int:membership_id>/role/", members.set_role, name="set_role"),
    path("members/<int:membership_id>/remove/", members.remove, name="remove_member"),
    path("members/invitations/<uuid:invitation_id>/withdraw/", members.withdraw, name="withdraw_invitation"),
    path("invitations/<str:token>/", members.invitation_page, name="invitation"),
    path("keys/", keys.keys_page, name="keys"),
    path("keys/<str:key_id>/rotate/", keys.rotate, name="rotate_key"),
    path("keys/<str:key_id>/revoke/", keys.revoke, name="revoke_key"),
]
