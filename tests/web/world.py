"""One of everything in Alice's workspace, so that every address has an object to be about."""

import re
from dataclasses import dataclass
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from modelyard import storage
from modelyard.accounts import keys, members
from modelyard.accounts.models import ApiKey, Role, User, Workspace
from modelyard.batches import services as batches
from modelyard.datasets.models import Upload
from modelyard.endpoints import services as endpoints
from modelyard.keeping.exporting import ZIP
from modelyard.keeping.models import Export, ExportState, Receipt
from modelyard.registry import services as registry
from tests import artifacts, factories
from tests.batches.making import succeed
from tests.runs import making

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
PREVIEW = "000001.jpg"


@dataclass(frozen=True, kw_only=True)
class World:
    """`values` fill the parameters of addresses; `queries` and `bodies` are what some cannot do without."""

    key: ApiKey
    values: dict[str, str]
    names: dict[str, str]
    queries: dict[str, str]
    bodies: dict[str, str]

    def address(self, route: str) -> str:
        """The address of a route, about the objects of this world."""
        named = next((name for start, name in self.names.items() if route.startswith(start)), "")
        return "/" + PARAMETER.sub(lambda found: {**self.values, "name": named}[found[1]], route)


def make_world(workspace: Workspace, alice: User, mark: str = "") -> World:
    """One of everything; `mark` begins every name, so that two worlds can be told apart."""
    dora = factories.make_user(f"{mark}dora")
    version = making.make_version(workspace, alice, name=f"{mark}Flowers")
    making.make_version(workspace, alice, name=f"{mark}Flowers")
    folder = storage.version_folder(version.pk)
    (folder / "source").write_bytes(b"a,b\n1,2\n")
    (folder / "preview").mkdir()
    (folder / "preview" / PREVIEW).write_bytes(b"\xff\xd8\xff\xe0")
    run = making.make_run(version, alice, name=f"{mark}run")
    model_version = artifacts.make_version(workspace, alice, f"{mark}Churn")
    artifacts.make_version(workspace, alice, f"{mark}Churn")
    registry.set_alias(model_version, "champion", by=alice)
    split = [{"version": model_version.number, "percent": 100}]
    endpoint = endpoints.publish(workspace, f"{mark}churn", model_version.model, split, by=alice)
    upload = Upload.objects.create(
        workspace=workspace,
        user=alice,
        filename=f"{mark}a.csv",
        length=4,
        expires_at=timezone.now() + timedelta(days=1),
    )
    file = SimpleUploadedFile(f"{mark}rows.csv", b"age,city\n41,Wien\n")
    batch = succeed(batches.request_batch(endpoint, by=alice, file=file))
    key, _ = keys.create_key(f"{mark}One of Alice's", workspace=workspace, user=alice, scopes=["read"])
    invitation, link = members.invite(workspace, f"{mark}somebody@example.com", Role.EDITOR, by=alice)
    passkey = Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Laptop", "credential": {}})
    export = Export.objects.create(person=alice, state=ExportState.READY, expires_at=timezone.now() + timedelta(days=1))
    export.folder.mkdir(parents=True)
    (export.folder / ZIP).write_bytes(b"PK\x05\x06" + bytes(18))
    values = {
        "dataset_id": version.dataset_id,
        "version_id": version.pk,
        "run_id": run.pk,
        "model_id": model_version.model_id,
        "number": 2,
        "format": model_version.formats[0],
        "alias": "champion",
        "endpoint_id": endpoint.pk,
        "upload_id": upload.pk,
        "batch_id": batch.pk,
        "key_id": key.id,
        "invitation_id": invitation.pk,
        "token": link.rstrip("/").rsplit("/", 1)[1],
        "membership_id": factories.add_member(workspace, dora, Role.VIEWER).pk,
        "person_id": dora.pk,
        "workspace_id": workspace.pk,
        "kind": "endpoints",
        "grouping": "day",
        "uidb64": "MQ",
        "passkey_id": passkey.pk,
        "receipt_id": Receipt.objects.create(
            kind="dataset", subject="gone", workspace=workspace.pk, digest="0" * 64
        ).pk,
    }
    return World(
        key=key,
        values={name: str(value) for name, value in values.items()},
        names={
            "api/v1/models": model_version.model.name,
            "api/v1/endpoints": endpoint.name,
            "data/versions": PREVIEW,
        },
        bodies={
            "api/v1/models/<str:name>/aliases/<str:alias>": '{"version": 2}',
            "data/<uuid:dataset_id>/": f"upload={upload.pk}",
            "data/versions/<uuid:version_id>/kind/": "column=length&kind=number",
            "endpoints/aliases/<uuid:model_id>/": "alias=latest&version=2",
        },
        queries={
            "batches/new/": f"?version={model_version.pk}",
            "runs/new/": f"?version={version.pk}&template=tabular_classifier",
            "api/v1/datasets/<uuid:dataset_id>/comparison": "?older=1&newer=2",
            "api/v1/models/<str:name>/versions/<int:number>/download": f"?format={model_version.formats[0]}",
        },
    )
