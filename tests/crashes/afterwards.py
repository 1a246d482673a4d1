"""After a crash: the platform puts itself in order, and what clients were told is compared with what there is."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from modelyard.accounts.keys import find_key
from modelyard.accounts.models import ApiKey, User
from modelyard.consistency.looking import look_at_all
from modelyard.endpoints.models import Endpoint, PredictionUsage
from modelyard.keeping.archive import reading
from modelyard.keeping.backing_up import back_up
from modelyard.keeping.interrupted import mark_path
from modelyard.keeping.restoring import NotEmpty, restore
from modelyard.quotas.models import Quota
from tests.crashes import world
from tests.crashes.stage import ANYTHING
from tests.crashes.world import KINDS

Said = dict[str, Any]


def recover(scenario: str, acks: Path) -> Said:
    """Put in order what a crash left; returns what fsck finds then, and what was acknowledged and is not so."""
    said = [json.loads(line) for line in acks.read_text().splitlines()] if acks.exists() else []
    if scenario == "restore_everything":
        restore_again(acks.with_name("whole.backup"))
    world.recover()
    report = look_at_all(now=True)
    broken = [json.dumps(one) for one in newest(said) if not is_so(one)]
    if scenario == "back_everything_up":
        broken += list(check_backups(acks.with_name("backups")))
    return {"findings": [finding.to_json() for finding in report.findings], "unseen": report.unseen, "broken": broken}


def newest(said: Iterable[Said]) -> list[Said]:
    """Of what was said of the same row the last counts."""
    last: dict[str, Said] = {}
    for one in said:
        last[one["key"] if "key" in one else json.dumps(one)] = one
    return list(last.values())


def is_so(said: Said) -> bool:
    """Whether the database says what a client was told."""
    match said:
        case {"kind": kind, "key": key, "columns": columns}:
            return columns == "unsure" or is_row(kind, key, columns)
        case {"release": endpoint, "split": split}:
            targets = Endpoint.objects.get(pk=endpoint).targets.values_list("version__number", "percent")
            return {number: percent for number, percent in targets if percent} == {
                one["version"]: one["percent"] for one in split
            }
        case {"works": text}:
            return find_key(text) is not None
        case {"revoked": key}:
            return ApiKey.objects.get(pk=key).revoked_at is not None
        case {"out": person}:
            return not User.objects.get(pk=person).is_active
        case {"predictions": count}:
            return bool(PredictionUsage.objects.aggregate(count=Sum("requests"))["count"] == count)
        case {"limit": limit}:
            return Quota.objects.filter(kind="endpoints", limit=limit).exists()
        case {"backup": path}:
            with reading(Path(path), settings.ENVIRONMENT.backup_keys):
                return True
    return False


def is_row(kind: str, key: str, columns: Mapping[str, Any] | None) -> bool:
    found = KINDS[kind].objects.filter(pk=key).values().first()
    if found is None or columns is None:
        return (found is None) == (columns is None)
    return all(is_value(found[name], value) for name, value in columns.items())


def is_value(found: Any, said: Any) -> bool:
    """Numbers that were acknowledged may have grown since."""
    if said == ANYTHING:
        return bool(found)
    return bool(found >= said if isinstance(said, int) else found == said)


def restore_again(archive: Path) -> None:
    """What somebody does whose restore was cut off. Where it had just been done there is nothing to do."""
    home = Path(settings.ENVIRONMENT.home)
    if not archive.exists() or not (mark_path(home).exists() or not any((home / "database").iterdir())):
        return
    try:
        restore(archive)
    except NotEmpty:
        connection.close()


def check_backups(folder: Path) -> Iterable[str]:
    """The next backup is made as if nothing had happened, and clears away what the former left half done."""
    made = back_up(folder / "two.backup")
    with reading(made.path, settings.ENVIRONMENT.backup_keys):
        left = sorted(path.name for path in folder.iterdir() if path.suffix != ".backup")
    if left:
        yield f"beside the backups lie {left}"
    for path in folder.glob("*.backup"):
        path.unlink()
