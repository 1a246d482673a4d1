"""A process of its own that folds usage; see `test_folding_race`."""

import json
import sys

from django.core.management import call_command

from modelyard.endpoints.models import PredictionUsage
from modelyard.endpoints.services import fold_usage
from modelyard.quotas.models import Quota
from tests import factories


def main() -> None:
    """`prepare` makes the tables and prints a workspace, `fold` folds, `report` prints what was counted."""
    act = sys.argv[1]
    if act == "prepare":
        call_command("migrate", run_syncdb=True, verbosity=0)
        print(factories.make_workspace(factories.make_user("alice")).pk)
    elif act == "fold":
        fold_usage()
    else:
        requests = sum(row.requests for row in PredictionUsage.objects.all())
        print(json.dumps({"requests": requests, "quota": Quota.objects.get(kind="predictions").used}))
