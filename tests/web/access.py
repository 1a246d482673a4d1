"""Who may call which address, by method. An address that is not here fails the inventory, as does one that is gone."""

from dataclasses import dataclass
from enum import IntEnum


class Least(IntEnum):
    """The least a caller must be. Everything from VIEWER on is 404 to people outside the workspace."""

    ANYBODY = 0
    PERSON = 1
    """Signed in; about the caller's own things, or the workspace they have chosen."""
    VIEWER = 2
    EDITOR = 3
    OWNER = 4
    OPERATOR = 5


@dataclass(frozen=True, kw_only=True)
class Access:
    """`scope` is what an API key needs; None where keys do not work (pages)."""

    least: Least
    scope: str | None = None


def page(**methods: Least) -> dict[str, Access]:
    return {method: Access(least=least) for method, least in methods.items()}


def api(**methods: tuple[str, Least]) -> dict[str, Access]:
    return {method: Access(least=least, scope=scope) for method, (scope, least) in methods.items()}


ANYBODY, PERSON, VIEWER, EDITOR, OWNER, OPERATOR = Least
READ_MINE, READ = ("read", PERSON), ("read", VIEWER)
WRITE = ("write", EDITOR)

ROUTES: dict[str, dict[str, Access]] = {
    "healthz": page(GET=ANYBODY),
    "metrics": page(GET=ANYBODY),
    # people and workspaces
    "": page(GET=PERSON),
    "home/work/": page(GET=PERSON),
    "sign-in/": page(GET=ANYBODY, POST=ANYBODY),
    "sign-in/second/": page(GET=ANYBODY, POST=ANYBODY),
    "sign-in/passkey/": page(POST=ANYBODY),
    "sign-in/passkey/options/": page(POST=ANYBODY),
    "sign-in/sso/": page(GET=ANYBODY),
    "sign-in/sso/back/": page(GET=ANYBODY),
    "sign-up/": page(GET=ANYBODY, POST=ANYBODY),
    "sign-out/": page(POST=ANYBODY),
    "forgotten/": page(GET=ANYBODY, POST=ANYBODY),
    "forgotten/sent/": page(GET=ANYBODY),
    "forgotten/<uidb64>/<token>/": page(GET=ANYBODY, POST=ANYBODY),
    "language/": page(POST=ANYBODY),
    "settings/": page(GET=PERSON, POST=PERSON),
    "settings/password/": page(POST=PERSON),
    "settings/end-sessions/": page(POST=PERSON),
    "settings/security/": page(GET=PERSON),
    "settings/security/app/": page(GET=PERSON, POST=PERSON),
    "settings/security/app/remove/": page(POST=PERSON),
    "settings/security/recovery/": page(POST=PERSON),
    "settings/security/passkeys/": page(GET=PERSON, POST=PERSON),
    "settings/security/passkeys/options/": page(POST=PERSON),
    "settings/security/passkeys/<int:passkey_id>/remove/": page(POST=PERSON),
    "settings/security/sso/": page(POST=PERSON),
    "settings/security/sso/remove/": page(POST=PERSON),
    "settings/data/": page(GET=PERSON),
    "settings/data/retention/": page(POST=OWNER),
    "settings/data/export/": page(POST=PERSON),
    "settings/data/export/state/": page(GET=PERSON),
    "settings/data/export/file/": page(GET=PERSON),
    "settings/data/receipts/<uuid:receipt_id>/": page(GET=OWNER),
    "settings/data/erase/dataset/<uuid:dataset_id>/": page(POST=EDITOR),
    "settings/data/erase/model/<uuid:model_id>/": page(POST=EDITOR),
    "settings/data/erase/workspace/": page(POST=OWNER),
    "settings/data/erase/person/": page(POST=PERSON),
    "switch/": page(POST=PERSON),
    "members/": page(GET=PERSON),
    "members/invite/": page(POST=OWNER),
    "members/rename/": page(POST=OWNER),
    "members/second-factor/": page(POST=OWNER),
    "members/<int:membership_id>/role/": page(POST=OWNER),
    "members/<int:membership_id>/remove/": page(POST=OWNER),
    "members/invitations/<uuid:invitation_id>/withdraw/": page(POST=OWNER),
    "invitations/<str:token>/": page(GET=PERSON, POST=PERSON),
    "keys/": page(GET=PERSON, POST=PERSON),
    "keys/<str:key_id>/rotate/": page(POST=OWNER),
    "keys/<str:key_id>/revoke/": page(POST=OWNER),
    # data
    "data/": page(GET=PERSON),
    "data/new/": page(GET=EDITOR, POST=EDITOR),
    "data/<uuid:dataset_id>/": page(GET=VIEWER, POST=EDITOR),
    "data/<uuid:dataset_id>/delete/": page(POST=EDITOR),
    "data/<uuid:dataset_id>/compare/": page(GET=VIEWER),
    "data/versions/<uuid:version_id>/": page(GET=VIEWER),
    "data/versions/<uuid:version_id>/state/": page(GET=VIEWER),
    "data/versions/<uuid:version_id>/kind/": page(POST=EDITOR),
    "data/versions/<uuid:version_id>/file/": page(GET=VIEWER),
    "data/versions/<uuid:version_id>/preview/<str:name>": page(GET=VIEWER),
    # runs
    "runs/": page(GET=PERSON),
    "runs/templates/": page(GET=PERSON),
    "runs/new/": page(GET=EDITOR, POST=EDITOR),
    "runs/<uuid:run_id>/": page(GET=VIEWER),
    "runs/<uuid:run_id>/state/": page(GET=VIEWER),
    "runs/<uuid:run_id>/curves/": page(GET=VIEWER),
    "runs/<uuid:run_id>/log/": page(GET=VIEWER),
    "runs/<uuid:run_id>/cancel/": page(POST=EDITOR),
    "runs/<uuid:run_id>/finish/": page(POST=EDITOR),
    # models
    "models/": page(GET=PERSON),
    "models/<uuid:model_id>/": page(GET=VIEWER),
    "models/<uuid:model_id>/compare/": page(GET=VIEWER),
    "models/<uuid:model_id>/delete/": page(POST=EDITOR),
    "models/<uuid:model_id>/versions/<int:number>/": page(GET=VIEWER),
    "models/<uuid:model_id>/versions/<int:number>/delete/": page(POST=EDITOR),
    "models/<uuid:model_id>/versions/<int:number>/threshold/": page(POST=EDITOR),
    "models/<uuid:model_id>/versions/<int:number>/download/<str:format>/": page(GET=VIEWER),
    # endpoints
    "endpoints/": page(GET=PERSON),
    "endpoints/new/": page(GET=EDITOR, POST=EDITOR),
    "endpoints/aliases/<uuid:model_id>/": page(POST=EDITOR),
    "endpoints/<uuid:endpoint_id>/": page(GET=VIEWER),
    "endpoints/<uuid:endpoint_id>/state/": page(GET=VIEWER),
    "endpoints/<uuid:endpoint_id>/try/": page(POST=VIEWER),
    "endpoints/<uuid:endpoint_id>/reference/": page(GET=VIEWER),
    "endpoints/<uuid:endpoint_id>/openapi.json": page(GET=VIEWER),
    "endpoints/<uuid:endpoint_id>/release/": page(POST=EDITOR),
    "endpoints/<uuid:endpoint_id>/delete/": page(POST=EDITOR),
    "endpoints/<uuid:endpoint_id>/live/": page(GET=VIEWER),
    "endpoints/<uuid:endpoint_id>/failures/": page(GET=VIEWER),
    "endpoints/<uuid:endpoint_id>/drift/": page(GET=VIEWER),
    "endpoints/<uuid:endpoint_id>/rules/": page(POST=EDITOR),
    # batch predictions
    "batches/": page(GET=PERSON),
    "batches/new/": page(GET=EDITOR, POST=EDITOR),
    "batches/<uuid:batch_id>/": page(GET=VIEWER),
    "batches/<uuid:batch_id>/state/": page(GET=VIEWER),
    "batches/<uuid:batch_id>/cancel/": page(POST=EDITOR),
    "batches/<uuid:batch_id>/delete/": page(POST=EDITOR),
    "batches/<uuid:batch_id>/result/": page(GET=VIEWER),
    # usage and the admin console
    "usage/": page(GET=PERSON),
    "usage/<str:grouping>.csv": page(GET=PERSON),
    "admin/": page(GET=OPERATOR),
    "admin/people/": page(GET=OPERATOR),
    "admin/people/<uuid:person_id>/": page(POST=OPERATOR),
    "admin/workspaces/": page(GET=OPERATOR),
    "admin/quotas/": page(GET=OPERATOR),
    "admin/quotas/<uuid:workspace_id>/<str:kind>/": page(POST=OPERATOR),
    "admin/quotas/<uuid:workspace_id>/share/": page(POST=OPERATOR),
    "admin/usage/": page(GET=OPERATOR),
    "admin/usage/workspaces.csv": page(GET=OPERATOR),
    "admin/prices/": page(GET=OPERATOR, POST=OPERATOR),
    "admin/prices/withdraw/": page(POST=OPERATOR),
    "admin/work/": page(GET=OPERATOR),
    "admin/work/<uuid:run_id>/cancel/": page(POST=OPERATOR),
    "admin/work/<uuid:run_id>/priority/": page(POST=OPERATOR),
    "admin/work/batches/<uuid:batch_id>/cancel/": page(POST=OPERATOR),
    "admin/workers/": page(GET=OPERATOR),
    "admin/audit/": page(GET=OPERATOR),
    "admin/audit/events.csv": page(GET=OPERATOR),
    # the platform API
    "api/v1/schema": page(GET=ANYBODY),
    "api/v1/docs": page(GET=ANYBODY),
    "api/v1/keys": api(GET=("admin", PERSON), POST=("admin", PERSON)),
    "api/v1/keys/<str:key_id>": api(DELETE=("admin", OWNER)),
    "api/v1/keys/<str:key_id>/rotate": api(POST=("admin", OWNER)),
    "api/v1/quotas": api(GET=READ_MINE),
    "api/v1/usage": api(GET=READ_MINE),
    "api/v1/datasets": api(GET=READ_MINE, POST=WRITE),
    "api/v1/datasets/<uuid:dataset_id>": api(GET=READ, DELETE=WRITE),
    "api/v1/datasets/<uuid:dataset_id>/versions": api(POST=WRITE),
    "api/v1/datasets/<uuid:dataset_id>/comparison": api(GET=READ),
    "api/v1/dataset-versions/<uuid:version_id>": api(GET=READ, PATCH=WRITE),
    "api/v1/uploads": page(OPTIONS=ANYBODY) | api(POST=WRITE),
    "api/v1/uploads/<uuid:upload_id>": page(OPTIONS=ANYBODY) | api(HEAD=READ, PATCH=WRITE, DELETE=WRITE),
    "api/v1/model-templates": api(GET=READ_MINE),
    "api/v1/runs": api(GET=READ_MINE, POST=WRITE),
    "api/v1/runs/<uuid:run_id>": api(GET=READ),
    "api/v1/runs/<uuid:run_id>/epochs": api(GET=READ),
    "api/v1/runs/<uuid:run_id>/log": api(GET=READ),
    "api/v1/runs/<uuid:run_id>/cancel": api(POST=WRITE),
    "api/v1/runs/<uuid:run_id>/finish": api(POST=WRITE),
    "api/v1/models": api(GET=READ_MINE),
    "api/v1/models/<str:name>": api(GET=READ, DELETE=WRITE),
    "api/v1/models/<str:name>/versions/<int:number>": api(GET=READ, DELETE=WRITE),
    "api/v1/models/<str:name>/versions/<int:number>/threshold": api(POST=WRITE),
    "api/v1/models/<str:name>/versions/<int:number>/download": api(GET=READ),
    "api/v1/models/<str:name>/aliases/<str:alias>": api(PUT=WRITE, DELETE=WRITE),
    "api/v1/endpoints": api(GET=READ_MINE, POST=WRITE),
    "api/v1/endpoints/<str:name>": api(GET=READ, DELETE=WRITE),
    "api/v1/endpoints/<str:name>/traffic": api(GET=READ),
    "api/v1/endpoints/<str:name>/failures": api(GET=READ),
    "api/v1/endpoints/<str:name>/drift": api(GET=READ),
    "api/v1/endpoints/<str:name>/monitoring": api(GET=READ, PUT=WRITE),
    "api/v1/endpoints/<str:name>/releases": api(POST=WRITE),
    "api/v1/batch-predictions": api(GET=READ_MINE, POST=WRITE),
    "api/v1/batch-predictions/<uuid:batch_id>": api(GET=READ, DELETE=WRITE),
    "api/v1/batch-predictions/<uuid:batch_id>/cancel": api(POST=WRITE),
    "api/v1/batch-predictions/<uuid:batch_id>/result": api(GET=READ),
}

WEBSOCKETS: dict[str, Access] = {
    "ws/runs/<uuid:run_id>/": Access(least=VIEWER),
    "ws/batches/<uuid:batch_id>/": Access(least=VIEWER),
    "ws/dataset-versions/<uuid:version_id>/": Access(least=VIEWER),
}
