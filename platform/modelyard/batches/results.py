"""Giving results away."""

from django.utils.translation import gettext as _

from modelyard.batches.models import BatchPrediction
from modelyard.contracts.batch import RESULT
from modelyard.errors import NotFound
from modelyard.streamed_file import StreamedFile

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}


def open_result(batch: BatchPrediction) -> StreamedFile:
    """Return the answer that carries the result. Raises `NotFound` where there is none (any more)."""
    if not batch.has_result or batch.survey is None:
        raise NotFound(_("There is no result: it is not done yet, it did not end well, or its time is over."))
    with batch.opened_result() as folder:
        answer = StreamedFile((folder / RESULT).open("rb"), as_attachment=True, filename=batch.result_name)
    answer.headers["Content-Type"] = TYPES[batch.survey["format"]]
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
