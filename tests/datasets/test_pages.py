"""The pages about data, as people who may and may not see them get them."""

import io
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from modelyard import storage
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.profile import Bar, ColumnProfile, Problem, Profile
from modelyard.contracts.sentences import sentence
from modelyard.datasets import services
from modelyard.datasets.models import Dataset, DatasetVersion, Upload
from modelyard.runs.models import TrainingRun
from tests.datasets.conftest import CSV, csv_file, people_profile

Settle = Callable[[DatasetVersion, Profile], DatasetVersion]
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def browser(client: Client, alice: User, workspace: Workspace) -> Client:
    client.force_login(alice)
    return client


def page_of(version: DatasetVersion) -> str:
    return reverse("datasets:version", args=[version.pk])


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content.decode()[:2000]
    return str(answer.content.decode())


def test_an_empty_workspace_is_taught(browser: Client) -> None:
    text = text_of(browser.get(reverse("datasets:list")))
    assert "Bring your first file" in text
    assert "data-upload" in text


def test_the_list_shows_and_finds(browser: Client, ready: DatasetVersion) -> None:
    assert "People" in text_of(browser.get(reverse("datasets:list")))
    assert "People" in text_of(browser.get(reverse("datasets:list") + "?q=peo"))
    assert "No data set has" in text_of(browser.get(reverse("datasets:list") + "?q=zebra"))


def test_a_plain_form_brings_a_file(browser: Client) -> None:
    answer = browser.post(reverse("datasets:new"), {"name": "People", "file": csv_file()})
    version = DatasetVersion.objects.get()
    assert answer.status_code == 302
    assert answer.headers["Location"] == page_of(version)
    assert version.dataset.name == "People"
    assert (storage.version_folder(version.pk) / "source").read_bytes() == CSV


def test_a_finished_upload_becomes_a_data_set_by_form(browser: Client, alice: User, workspace: Workspace) -> None:
    upload = Upload.objects.create(
        workspace=workspace,
        user=alice,
        filename="people.csv",
        length=len(CSV),
        offset=len(CSV),
        expires_at=timezone.now() + timezone.timedelta(hours=1),
    )
    storage.upload_file(upload.pk).write_bytes(CSV)
    taken = browser.post(reverse("datasets:new"), {"name": "x" * 121, "upload": upload.pk})
    assert "The file is here already" in text_of(taken, 422)
    assert browser.post(reverse("datasets:new"), {"name": "People", "upload": upload.pk}).status_code == 302


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "People"}, "Choose a file first"),
        ({"name": "People", "file": b""}, "the file is empty"),
        ({"name": "x" * 121, "file": CSV}, "at most 120"),
        ({"name": "People", "upload": str(uuid4())}, "no such upload"),
        ({"name": "People", "upload": "nonsense"}, "valid UUID"),
    ],
)
def test_a_wrong_form_is_said_beside_the_field(browser: Client, body: dict[str, Any], words: str) -> None:
    if "file" in body:
        body = {**body, "file": csv_file(body["file"])}
    assert words in text_of(browser.post(reverse("datasets:new"), body), 422)
    assert not Dataset.objects.exists()


def test_a_page_says_that_a_file_is_being_read_and_follows(browser: Client, uploaded: DatasetVersion) -> None:
    text = text_of(browser.get(page_of(uploaded)))
    assert f'data-live="/ws/dataset-versions/{uploaded.pk}/"' in text
    state = text_of(browser.get(reverse("datasets:state", args=[uploaded.pk])))
    assert "data-live-end" not in state


def test_the_state_ends_when_the_file_is_read(browser: Client, ready: DatasetVersion) -> None:
    state = text_of(browser.get(reverse("datasets:state", args=[ready.pk])))
    assert "data-live-end" in state
    assert "hx-swap-oob" in state
    assert "Train a model" in state


def test_the_profile_is_shown(browser: Client, ready: DatasetVersion) -> None:
    text = text_of(browser.get(page_of(ready)))
    for words in ("age", "city", "Bonn", "33%", "Only 3 rows", ready.sha256[:12], "Train a model"):
        assert words in text, words
    assert f"?version={ready.pk}" in text
    assert 'class="histogram"' in text
    assert "data-live=" not in text


def test_a_rejected_file_says_what_to_repair(browser: Client, uploaded: DatasetVersion, settle: Settle) -> None:
    problem = Problem(code="ragged", message=f"Row 7 has 3 cells {SCRIPT}", row=7, column="city")
    rejected = settle(uploaded, Profile(kind="table", problems=(problem,)))
    text = text_of(browser.get(page_of(rejected)))
    assert "This file cannot be used as it is" in text
    assert "row 7" in text
    assert "Upload the repaired file" in text
    assert "Train a model" not in text
    assert SCRIPT not in text


def test_findings_are_shown_in_the_language_of_the_reader(
    browser: Client, uploaded: DatasetVersion, settle: Settle
) -> None:
    said = sentence("The rows are not in the order of {name}.", name=f"“{SCRIPT}”")
    version = settle(uploaded, people_profile(warnings=(Problem.saying("unsorted_dates", said, column="age"),)))
    text = text_of(browser.get(page_of(version), headers={"Accept-Language": "zh-hans"}))
    assert "的先后排列。" in text
    assert "The rows are not in the order" not in text
    assert SCRIPT not in text
    assert "The rows are not in the order" in text_of(browser.get(page_of(version)))


def test_what_people_write_never_becomes_markup(
    browser: Client, alice: User, workspace: Workspace, settle: Settle
) -> None:
    dataset = services.create_dataset(workspace, SCRIPT, by=alice, file=csv_file(name=f"{SCRIPT}.csv"))
    column = ColumnProfile(name=SCRIPT, kind="category", distinct=1, bars=(Bar(count=1, value=SCRIPT),))
    version = settle(
        dataset.versions.get(),
        Profile(
            kind="table",
            rows=1,
            columns=(column,),
            preview=((SCRIPT,),),
            warnings=(Problem(code="x", message=SCRIPT, column=SCRIPT),),
        ),
    )
    for address in (
        page_of(version),
        reverse("datasets:detail", args=[dataset.pk]),
        reverse("datasets:list"),
        reverse("datasets:state", args=[version.pk]),
    ):
        assert SCRIPT not in text_of(browser.get(address)), address


def test_a_kind_is_corrected_in_its_card(browser: Client, ready: DatasetVersion) -> None:
    address = reverse("datasets:kind", args=[ready.pk])
    card = text_of(browser.post(address, {"column": "age", "kind": "category"}, headers={"HX-Request": "true"}))
    assert "Corrected by hand" in card
    assert "<html" not in card
    assert DatasetVersion.objects.get().kinds == {"age": "category"}
    plain = browser.post(address, {"column": "age", "kind": "number"})
    assert plain.status_code == 302
    assert plain.headers["Location"] == f"{page_of(ready)}?columns=1#column-1"


def test_a_wrong_kind_is_said_in_the_card(browser: Client, ready: DatasetVersion) -> None:
    address = reverse("datasets:kind", args=[ready.pk])
    card = browser.post(address, {"column": "age", "kind": "fruit"}, headers={"HX-Request": "true"})
    assert "must be one of" in text_of(card, 422)
    assert browser.post(address, {"column": "nothing", "kind": "text"}).status_code == 404


def test_a_wide_table_is_shown_in_pages(browser: Client, uploaded: DatasetVersion, settle: Settle) -> None:
    columns = tuple(ColumnProfile(name=f"c{number}", kind="number", distinct=2) for number in range(2000))
    version = settle(uploaded, Profile(kind="table", rows=5, columns=columns, preview=(("1",) * 2000,) * 5))
    first = browser.get(page_of(version))
    assert len(first.content) < 200_000
    assert "More columns" in text_of(first)
    assert "c1999" in text_of(browser.get(page_of(version) + "?columns=42"))
    assert browser.get(page_of(version) + "?columns=nonsense").status_code == 200


@pytest.fixture
def pictures(uploaded: DatasetVersion, settle: Settle) -> DatasetVersion:
    folder = storage.version_folder(uploaded.pk) / "preview"
    folder.mkdir()
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(content, "JPEG")
    (folder / "000000.jpg").write_bytes(content.getvalue())
    (folder / "000001.jpg").write_bytes(b"<html><script>alert(1)</script>")
    (folder / "notes.txt").write_text("not for you")
    previews = [{"file": "000000.jpg", "label": "cats"}]
    bars = (Bar(count=12, value="cats"), Bar(count=3, value="dogs"))
    return settle(uploaded, Profile(kind="images", rows=15, classes=bars, details={"previews": previews}))


def test_pictures_are_shown_with_their_classes(browser: Client, pictures: DatasetVersion) -> None:
    text = text_of(browser.get(page_of(pictures)))
    address = reverse("datasets:preview", args=[pictures.pk, "000000.jpg"])
    assert address in text
    assert "dogs" in text
    answer = browser.get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["000001.jpg", "000009.jpg", "notes.txt", "..%2Fsource", "%2e%2e", "000000.jpg%00"])
def test_nothing_but_our_own_thumbnails_is_served(browser: Client, pictures: DatasetVersion, name: str) -> None:
    address = reverse("datasets:preview", args=[pictures.pk, "000000.jpg"]).replace("000000.jpg", name)
    assert browser.get(address).status_code == 404


def test_the_file_is_given_back_as_it_came_and_only_to_save(browser: Client, uploaded: DatasetVersion) -> None:
    answer = browser.get(reverse("datasets:download", args=[uploaded.pk]))
    assert b"".join(answer.streaming_content) == CSV  # type: ignore[attr-defined]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="people.csv"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_foreign_name_is_given_back_as_the_standard_says(browser: Client, alice: User, workspace: Workspace) -> None:
    made = services.create_dataset(workspace, "数据", by=alice, file=csv_file(name='数据 "x".csv')).versions.get()
    answer = browser.get(reverse("datasets:download", args=[made.pk]))
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''%E6%95%B0")


def test_two_versions_are_compared(browser: Client, ready: DatasetVersion, alice: User, settle: Settle) -> None:
    address = reverse("datasets:compare", args=[ready.dataset_id])
    assert browser.get(address).status_code == 409
    newer = services.add_version(ready.dataset, by=alice, file=csv_file(b"a\n1\n"))
    shifted = ColumnProfile(
        name="age", kind="number", distinct=2, mean=90.0, bars=(Bar(count=4, low=80.0, high=100.0),)
    )
    settle(newer, people_profile(rows=4, columns=(shifted, ColumnProfile(name="new", kind="text"))))
    text = text_of(browser.get(address))
    for words in ("From version 1 to version 2", "3 → 4", "clearly moved", "diff-added", "diff-removed"):
        assert words in text, words
    assert "byte for byte" in text_of(browser.get(address + "?older=1&newer=1"))
    assert browser.get(address + "?older=nonsense&newer=-1").status_code == 200


def test_a_second_file_becomes_the_next_version(browser: Client, ready: DatasetVersion) -> None:
    address = reverse("datasets:detail", args=[ready.dataset_id])
    assert "Version 1" in text_of(browser.get(address))
    assert browser.post(address, {"file": csv_file(b"a,b\n1,2\n")}).status_code == 302
    assert ready.dataset.versions.count() == 2
    assert "Version 2" in text_of(browser.get(address))


def test_deleting_asks_and_then_deletes(browser: Client, ready: DatasetVersion) -> None:
    address = reverse("datasets:delete", args=[ready.dataset_id])
    assert browser.get(address).status_code == 405
    assert "data-confirm" in text_of(browser.get(reverse("datasets:detail", args=[ready.dataset_id])))
    answer = browser.post(address, follow=True)
    assert "People was deleted." in text_of(answer)
    assert not Dataset.objects.exists()


def test_a_data_set_in_use_is_not_deleted(browser: Client, workspace: Workspace, ready: DatasetVersion) -> None:
    TrainingRun.objects.create(workspace=workspace, name="First", dataset_version=ready, model_template="x", plan={})
    answer = browser.post(reverse("datasets:delete", args=[ready.dataset_id]), follow=True)
    assert "in use by a run" in text_of(answer)
    assert Dataset.objects.exists()


def every_address(version: DatasetVersion) -> list[tuple[str, str]]:
    one, whole = [version.pk], [version.dataset_id]
    return [
        ("get", reverse("datasets:version", args=one)),
        ("get", reverse("datasets:state", args=one)),
        ("post", reverse("datasets:kind", args=one)),
        ("get", reverse("datasets:download", args=one)),
        ("get", reverse("datasets:preview", args=[version.pk, "000000.jpg"])),
        ("get", reverse("datasets:detail", args=whole)),
        ("post", reverse("datasets:detail", args=whole)),
        ("post", reverse("datasets:delete", args=whole)),
        ("get", reverse("datasets:compare", args=whole)),
    ]


def test_an_outsider_finds_no_page(client: Client, charlie: User, ready: DatasetVersion) -> None:
    client.force_login(charlie)
    for method, address in every_address(ready):
        assert getattr(client, method)(address).status_code == 404, address
    assert "People" not in text_of(client.get(reverse("datasets:list")))


def test_who_is_not_signed_in_is_asked_to(client: Client, ready: DatasetVersion) -> None:
    for method, address in every_address(ready):
        assert getattr(client, method)(address).status_code == 302, address


def test_a_viewer_looks_but_changes_nothing(client: Client, vera: User, ready: DatasetVersion) -> None:
    client.force_login(vera)
    text = text_of(client.get(page_of(ready)))
    assert "Train a model" not in text
    assert "<select" not in text.partition("<main")[2]
    kind = client.post(reverse("datasets:kind", args=[ready.pk]), {"column": "age", "kind": "text"})
    assert kind.status_code == 403
    new = client.post(reverse("datasets:detail", args=[ready.dataset_id]), {"file": csv_file()})
    assert new.status_code == 403
    assert client.post(reverse("datasets:delete", args=[ready.dataset_id])).status_code == 403
    assert client.get(reverse("datasets:new")).status_code == 403
    assert json.dumps(DatasetVersion.objects.get().kinds) == "{}"
