"""Calling the predictor for a signed-in person, with a pass that lives a minute."""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from modelyard.accounts.models import User
from modelyard.contracts.passes import LIFETIME_SECONDS, Pass, sign_pass
from modelyard.endpoints.models import Endpoint
from modelyard.errors import ModelyardError

TIMEOUT_SECONDS = 30
LARGEST_ANSWER = 4 * 1024**2


class PredictorAway(ModelyardError):
    """The predictor cannot be reached or gave no answer that can be understood."""

    code = "predictor_away"


class Refused(ModelyardError):
    """The predictor did not accept the call; `message` says why."""

    code = "refused"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One answer: `content` is {"label", "score", "probabilities"} or {"value"}, with {"low", "high"} at the `level`
    that was asked for."""

    content: dict[str, Any]
    version: str
    request_id: str
    milliseconds: float
    level: float | None = None


def predict(endpoint: Endpoint, row: dict[str, Any], *, by: User, level: float | None = None) -> Prediction:
    """Ask the predictor for one row, with an interval where a level is given. Raises `Refused` and `PredictorAway`."""
    started = time.monotonic()
    body: dict[str, Any] = {"instances": [row]}
    if level is not None:
        body["parameters"] = {"interval": level}
    status, headers, content = _ask(endpoint, ":predict", by, body)
    milliseconds = (time.monotonic() - started) * 1000
    return Prediction(
        content=_only(status, _decode(content), "predictions"),
        version=headers.get("x-modelyard-version", ""),
        request_id=headers.get("x-request-id", ""),
        milliseconds=milliseconds,
        level=level,
    )


def explain(endpoint: Endpoint, row: dict[str, Any], prediction: Prediction, *, by: User) -> dict[str, Any]:
    """Ask the version that gave a prediction what spoke for and against it; see `docs/explanations.md` for what comes.

    Raises `Refused` and `PredictorAway`.
    """
    place = f"/versions/{prediction.version}:explain" if prediction.version else ":explain"
    status, _headers, content = _ask(endpoint, place, by, {"instances": [row]})
    return _only(status, _decode(content), "explanations")


def read_document(endpoint: Endpoint, *, by: User) -> dict[str, Any]:
    """Return the endpoint's own OpenAPI document. Raises `Refused` (where no version answers yet), `PredictorAway`."""
    status, _headers, content = _ask(endpoint, "/openapi.json", by)
    document = _decode(content)
    if status != http.client.OK:
        raise Refused(str(document.get("error", "")), status=status)
    return document


def _ask(
    endpoint: Endpoint, place: str, by: User, body: dict[str, Any] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Ask for what is at `place` below the endpoint's address."""
    base = urlsplit(settings.ENVIRONMENT.predict_internal_url)
    connect = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
    connection = connect(base.hostname or "127.0.0.1", base.port, timeout=TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {_pass_for(endpoint, by)}", "Content-Type": "application/json"}
    path = f"{base.path.rstrip('/')}/v1/models/{endpoint.name}{place}"
    try:
        if body is None:
            connection.request("GET", path, headers=headers)
        else:
            connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read(LARGEST_ANSWER)
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content
    except (OSError, http.client.HTTPException) as fault:
        raise PredictorAway(_("The predictor does not answer. Try again in a moment.")) from fault
    finally:
        connection.close()


def _only(status: int, answer: dict[str, Any], name: str) -> dict[str, Any]:
    """The one entry of the list `name` in an answer."""
    if status != http.client.OK:
        raise Refused(
            str(answer.get("error") or _("the predictor answered %(status)s") % {"status": status}), status=status
        )
    entries = answer.get(name)
    if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
        raise PredictorAway(_("The predictor gave an answer that cannot be read. Try again."))
    return entries[0]


def _pass_for(endpoint: Endpoint, by: User) -> str:
    visitor = Pass(
        workspace=str(endpoint.workspace_id),
        user=str(by.pk),
        endpoint=endpoint.name,
        expires_at=time.time() + LIFETIME_SECONDS,
    )
    return sign_pass(visitor, settings.ENVIRONMENT.key_pepper.encode())


def _decode(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise PredictorAway(_("The predictor gave an answer that cannot be read. Try again."))
    return answer
