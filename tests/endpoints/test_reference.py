"""The reference where it cannot be had, and what it makes of a document of pictures."""

import json
import shlex
from dataclasses import replace
from typing import Any

from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import User
from modelyard.contracts.signature import Signature
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.reference import Reference, reference_of
from tests.artifacts import HOSTILE, PEOPLE, PICTURES
from tests.conftest import free_port
from workers.serving.protocols.openapi.document import compose_document

BASE = "https://predict.example"


def reference(signature: Signature) -> Reference:
    return reference_of(compose_document("churn", 1, signature), BASE)


def test_columns_are_told_with_kind_and_examples() -> None:
    columns = {column.name: column for column in reference(PEOPLE).columns}
    assert (columns["age"].kind, columns["age"].required, columns["age"].examples) == ("number", False, "41")
    assert (columns["city"].kind, columns["city"].required) == ("text", True)
    assert (columns["member"].kind, columns["member"].examples) == ("true or false", "true")
    assert columns["since"].kind == "date"


def test_pictures_are_sent_in_four_ways() -> None:
    predict = reference(PICTURES).groups["TensorFlow Serving, KServe"][0]
    codes = [snippet.code for snippet in predict.snippets]
    assert any('"b64"' in code for code in codes)
    assert any("--data-binary @photo.jpg" in code for code in codes)
    assert any("-F image=@photo.jpg" in code for code in codes)
    assert all(code.startswith(f"curl {BASE}/v1/models/") for code in codes)


def test_strangers_words_stay_words() -> None:
    item = replace(PEOPLE.inputs[1], name=HOSTILE, example=HOSTILE)
    predict = reference(replace(PEOPLE, inputs=(item,))).groups["TensorFlow Serving, KServe"][0]
    sent = shlex.split(predict.snippets[0].code.replace("\\\n", ""))
    assert json.loads(sent[-1]) == {"instances": [{HOSTILE: HOSTILE}]}


def test_without_a_predictor_it_says_so(client: Client, alice: User, endpoint: Endpoint, settings: Any) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, predict_internal_url=away)
    client.force_login(alice)
    shown = client.get(reverse("endpoints:reference", args=[endpoint.id]))
    assert shown.status_code == 200
    assert "The predictor does not answer" in shown.content.decode()
    sent_on = client.get(reverse("endpoints:document", args=[endpoint.id]))
    assert sent_on.headers["Location"] == reverse("endpoints:reference", args=[endpoint.id])


def test_the_endpoint_links_to_it(client: Client, alice: User, endpoint: Endpoint) -> None:
    client.force_login(alice)
    shown = client.get(endpoint.get_absolute_url()).content.decode()
    assert reverse("endpoints:reference", args=[endpoint.id]) in shown


def test_people_of_elsewhere_find_nothing(client: Client, charlie: User, endpoint: Endpoint) -> None:
    client.force_login(charlie)
    for name in ("reference", "document"):
        assert client.get(reverse(f"endpoints:{name}", args=[endpoint.id])).status_code == 404
