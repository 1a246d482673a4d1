"""`manage.py rotate_storage_key`: encrypt everything that is stored with the newest key."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from modelyard.objects.encrypted import EncryptedStore
from modelyard.objects.faults import Damaged, Unreachable
from modelyard.objects.stores import open_store


class Command(BaseCommand):
    help = (
        "Encrypt stored files again that a former key of MODELYARD_STORAGE_KEY encrypted. Safe to repeat, and to stop."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        bucket = settings.ENVIRONMENT.bucket
        store = open_store(bucket) if bucket is not None else None
        if not isinstance(store, EncryptedStore):
            raise CommandError("nothing is encrypted here: MODELYARD_STORAGE_KEY is not set")
        renewed, left = 0, []
        for key in [key for key, _written in store.list_keys("")]:
            try:
                renewed += store.renew(key)
            except Damaged as fault:
                left.append(str(fault))
            except Unreachable as fault:
                raise CommandError(f"{fault}; run this again to go on") from fault
        self.stdout.write(
            f"{renewed} objects were encrypted anew. Former keys can be taken out of MODELYARD_STORAGE_KEY."
        )
        if left:
            listed = "; ".join(left[:10])
            raise CommandError(f"{len(left)} objects could not be read, so keep the former keys: {listed}")
