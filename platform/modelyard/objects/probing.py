"""Is the store there, and may we do in it what we have to? Asked at the start, so that nobody finds out later."""

import uuid

from modelyard.objects.bucket import Bucket
from modelyard.objects.faults import Damaged, Unreachable
from modelyard.objects.stores import open_store

CONTENT = b"Modelyard was here to see whether it can write, read, list and delete."


def probe(bucket: Bucket) -> str:
    """What is wrong with the store and what to look at, in one sentence; empty where everything works."""
    store = open_store(bucket)
    folder = f"probes/{uuid.uuid4()}"
    step = "written"
    try:
        store.put_bytes(f"{folder}/probe", CONTENT)
        step = "read"
        if store.get_bytes(f"{folder}/probe", len(CONTENT)) != CONTENT:
            raise Damaged("what was read is not what was written")
        step = "listed"
        list(store.list_folders("probes/"))
        step = "deleted"
        store.delete_below(f"{folder}/")
    except (Unreachable, Damaged) as fault:
        return (
            f"MODELYARD_STORAGE_URL names {bucket}, where nothing can be {step}: {fault}. Look at the address, at "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and whether the bucket exists"
        )
    return ""
