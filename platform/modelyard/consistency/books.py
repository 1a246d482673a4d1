"""The ledger: counters are its sums, and nothing is charged for what is not there."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from django.db.models import Q

from modelyard.batches.models import BatchPrediction
from modelyard.consistency.findings import Finding, Look, Promise
from modelyard.datasets.models import DatasetVersion
from modelyard.datasets.repair import find_leaks
from modelyard.datasets.uploads import SUBJECT
from modelyard.endpoints.models import Endpoint
from modelyard.leased_work import UNFINISHED
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import CONCURRENT_RUNS, ENDPOINTS, STORAGE_BYTES, TRAINING_SECONDS
from modelyard.quotas.models import EntryState, Quota, UsageEntry
from modelyard.registry.models import ModelVersion
from modelyard.runs.models import TrainingRun

REPORT = "Keep the database as it is and report it: no act of the platform leaves books like this."
GIVEN_BACK = "The clock (beat) gives it back; make sure that beat runs, and look at its log."
UNCHARGED = "It can be used all the same. Delete it and make it again, and it is charged; report it."


def check_sums(look: Look) -> Iterator[Finding]:
    """What every quota counts is the sum of its ledger, and never below nothing."""
    look.seen["quotas"] += Quota.objects.count()
    for wrong in quotas.audit():
        quota = wrong.quota
        words = (
            f"it counts {quota.used} used and {quota.reserved} reserved, the ledger says {wrong.used} and "
            f"{wrong.reserved}"
        )
        yield _unbalanced(quota, words, REPORT)
    for quota in Quota.objects.filter(Q(used__lt=0) | Q(reserved__lt=0)):
        yield _unbalanced(quota, f"it counts {quota.used} used and {quota.reserved} reserved", REPORT)


def check_reservations(look: Look) -> Iterator[Finding]:
    """What is reserved is for work that has not ended, or for a file that is on its way; and such work has it."""
    reserved = UsageEntry.objects.filter(state=EntryState.RESERVED).select_related("quota")
    runs = TrainingRun.objects.filter(state__in=UNFINISHED).only("pk", "name")
    batches = BatchPrediction.objects.filter(state__in=UNFINISHED).only("pk")
    alive = {work.ledger_subject for work in (*runs, *batches)}
    for line in reserved.filter(Q(subject__startswith="run:") | Q(subject__startswith="batch:")):
        if line.subject not in alive:
            words = f"{line.amount} are reserved for {line.subject}, which has ended or is gone"
            yield _unbalanced(line.quota, words, GIVEN_BACK)
    for line in find_leaks(timedelta(seconds=look.quiet_seconds)):
        words = f"{line.amount} bytes are reserved for {line.subject}, and no upload brings it"
        yield _unbalanced(line.quota, words, GIVEN_BACK)
    for kind in (CONCURRENT_RUNS.name, TRAINING_SECONDS.name):
        held = set(reserved.filter(quota__kind=kind).values_list("subject", flat=True))
        for run in runs:
            if run.ledger_subject not in held:
                words = f"it has not ended, and nothing is reserved for it ({kind})"
                yield Finding(promise=Promise.BALANCED, where=f"run {run} ({run.pk})", what=words, repair=UNCHARGED)


def check_charges(look: Look) -> Iterator[Finding]:
    """What stands is charged, once and in full, and what is charged stands."""
    yield from _compare(STORAGE_BYTES.name, _stored_bytes())
    yield from _compare(ENDPOINTS.name, {f"endpoint:{key}": 1 for key in Endpoint.objects.values_list("pk", flat=True)})


def _stored_bytes() -> dict[str, int]:
    """Bytes of everything that stands against a workspace's storage, by what the ledger calls it."""
    sizes = {f"{SUBJECT}:{key}": size for key, size in DatasetVersion.objects.values_list("pk", "size")}
    batches = BatchPrediction.objects.filter(state__in=UNFINISHED).values_list("pk", "size")
    sizes |= {f"{SUBJECT}:{key}": size for key, size in batches}
    results = BatchPrediction.objects.filter(result_size__isnull=False).values_list("pk", "result_size")
    sizes |= {f"batch-result:{key}": size or 0 for key, size in results}
    sizes |= {f"model-version:{key}": size for key, size in ModelVersion.objects.values_list("pk", "size")}
    return sizes


def _compare(kind: str, standing: Mapping[str, int]) -> Iterator[Finding]:
    """Every standing thing against its committed line, and the other way round."""
    lines = UsageEntry.objects.filter(quota__kind=kind, state=EntryState.COMMITTED).select_related("quota")
    charged = {line.subject: line for line in lines}
    for name, amount in standing.items():
        line = charged.get(name)
        if line is None:
            words = f"it is there with {amount} ({kind}), and nothing is charged for it"
            yield Finding(promise=Promise.BALANCED, where=name, what=words, repair=UNCHARGED)
        elif line.amount != amount:
            yield _unbalanced(line.quota, f"{line.amount} are charged for {name}, which has {amount}", REPORT)
    for name in charged.keys() - standing.keys():
        words = f"{charged[name].amount} are charged for {name}, which is not there"
        yield _unbalanced(charged[name].quota, words, REPORT)


def _unbalanced(quota: Quota, what: str, repair: str) -> Finding:
    where = f"{quota} of workspace {quota.workspace_id}"
    return Finding(promise=Promise.BALANCED, where=where, what=what, repair=repair)
