"""A folder that is kept on one machine is read on another, whole and unchanged, or not at all."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelyard.contracts.artifact import digest_of
from modelyard.objects import store, sweeping
from modelyard.objects.faults import Damaged, Unreachable
from modelyard.objects.index import digest
from modelyard.objects.shelf import Shelf
from tests.objects.server import Cloud, Relay

NAME = "datasets/11111111-1111-1111-1111-111111111111"
OTHER = "datasets/22222222-2222-2222-2222-222222222222"


def write(shelf: Shelf, name: str = NAME, *, size: int = 1000) -> Path:
    folder = shelf.root / name
    (folder / "images").mkdir(parents=True)
    (folder / "source").write_bytes(b"s" * size)
    (folder / "half.partial").write_bytes(b"not yet")
    for number in range(3):
        (folder / "images" / f"{number}.jpg").write_bytes(b"image %d" % number)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_works(here: Shelf, there: Shelf) -> None:
    seal = here.keep(write(here))
    there.fetch(there.root / NAME, seal)
    assert read(there.root / NAME) == {
        "source": b"s" * 1000,
        "images/0.jpg": b"image 0",
        "images/1.jpg": b"image 1",
        "images/2.jpg": b"image 2",
    }


def test_only_what_is_asked_for_is_fetched(here: Shelf, there: Shelf) -> None:
    seal = here.keep(write(here))
    there.fetch(there.root / NAME, seal, ("images", "what was never there"))
    assert not (there.root / NAME / "source").exists()
    there.fetch(there.root / NAME, seal, ("source",))
    assert (there.root / NAME / "source").exists()


def test_what_is_here_is_not_asked_for_again(here: Shelf, relay: Relay) -> None:
    seal = here.keep(write(here))
    asked = len(relay.requests)
    here.fetch(here.root / NAME, seal)
    assert len(relay.requests) == asked
    relay.close()
    here.fetch(here.root / NAME, seal)


def test_a_folder_that_grew_is_kept_under_a_new_seal_and_sends_only_what_is_new(
    here: Shelf, there: Shelf, relay: Relay
) -> None:
    folder = write(here)
    first = here.keep(folder)
    (folder / "profile.json").write_text("{}")
    before = [request for request in relay.requests if request.startswith("PUT")]
    second = here.keep(folder)
    sent = [request for request in relay.requests if request.startswith("PUT")][len(before) :]
    assert second != first
    assert len(sent) == 2
    there.fetch(there.root / NAME, first)
    assert not (there.root / NAME / "profile.json").exists()
    there.fetch(there.root / NAME, second)
    assert (there.root / NAME / "profile.json").exists()


def test_many_processes_that_want_it_fetch_it_once(here: Shelf, there: Shelf, relay: Relay) -> None:
    seal = there.keep(write(there))

    def fetch(_number: int) -> None:
        one = Shelf(here.root, here.store.bucket, 10**9)
        with one.in_use(one.root / NAME):
            one.fetch(one.root / NAME, seal)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fetch, range(8)))
    gets = [request for request in relay.requests if request.startswith("GET")]
    assert len(gets) == 3, gets


def test_deleting_leaves_no_object_and_no_copy(here: Shelf, cloud: Cloud) -> None:
    cloud.client.put_bucket_versioning(Bucket=cloud.name, VersioningConfiguration={"Status": "Enabled"})
    folder = write(here)
    here.keep(folder)
    neighbour = here.keep(write(here, OTHER, size=17))
    (folder / "source").write_bytes(b"other")
    here.keep(folder)
    here.remove(folder)
    assert not folder.exists()
    assert all(key.startswith(f"yard/{OTHER}/") for key in cloud.contents())
    assert not cloud.client.list_object_versions(Bucket=cloud.name, Prefix=f"yard/{NAME}").get("DeleteMarkers")
    here.fetch(here.root / OTHER, neighbour)


def test_former_states_can_be_forgotten(here: Shelf, there: Shelf, cloud: Cloud) -> None:
    folder = write(here)
    here.keep(folder)
    (folder / "source").write_bytes(b"newer")
    seal = here.keep(folder)
    here.forget_former(folder, seal)
    assert b"s" * 1000 not in cloud.contents().values()
    there.fetch(there.root / NAME, seal)
    assert (there.root / NAME / "source").read_bytes() == b"newer"


@pytest.mark.parametrize("target", ["source", "index"])
def test_what_was_tampered_with_never_becomes_a_copy(here: Shelf, there: Shelf, cloud: Cloud, target: str) -> None:
    seal = here.keep(write(here))
    for key, content in cloud.contents().items():
        if key.endswith(seal) if target == "index" else content == b"s" * 1000:
            cloud.put(key, content.replace(b"s", b"t"))
    with pytest.raises(Damaged):
        there.fetch(there.root / NAME, seal)
    assert not (there.root / NAME / "source").exists()
    assert not list(there.root.glob(".arriving/*"))


def test_a_missing_object_is_said_to_be_missing(here: Shelf, there: Shelf, cloud: Cloud) -> None:
    seal = here.keep(write(here))
    cloud.client.delete_object(Bucket=cloud.name, Key=f"yard/{NAME}/{seal}")
    with pytest.raises(Damaged, match="is missing"):
        there.fetch(there.root / NAME, seal)


def test_an_index_cannot_lead_out_of_the_folder(here: Shelf, there: Shelf) -> None:
    content = b'{"files": {"../../escaped": {"sha256": "00", "bytes": 1}}}'
    here.store.put_bytes(f"{NAME}/{digest(content)}", content)
    with pytest.raises(Damaged, match="no name of a file"):
        there.fetch(there.root / NAME, digest(content))


def test_links_that_a_parser_left_are_not_followed(here: Shelf, cloud: Cloud, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"the secret key")
    folder = write(here)
    (folder / "preview").symlink_to(secret)
    (folder / "images" / "9.jpg").symlink_to(secret)
    here.keep(folder)
    assert not any(b"the secret key" in content for content in cloud.contents().values())


def test_the_least_recently_used_copies_leave_and_those_in_use_stay(here: Shelf, there: Shelf) -> None:
    seals = {name: here.keep(write(here, name, size=10_000)) for name in (NAME, OTHER, "runs/3")}
    there.bytes_kept = 70_000
    for age, (name, seal) in enumerate(seals.items()):
        with there.in_use(there.root / name):
            there.fetch(there.root / name, seal)
        used = time.time() - 1000 + age
        os.utime(there.root / ".locks" / f"{name.replace('/', '+')}.use", (used, used))
    with there.in_use(there.root / NAME):
        os.utime(there.root / ".locks" / f"{NAME.replace('/', '+')}.use", (1, 1))
        there.bytes_kept = 45_000
        there.make_room()
        assert (there.root / NAME / "source").exists()
        assert not (there.root / OTHER).exists()
    there.make_room()
    assert set(there.copies()) <= {NAME, "runs/3"}
    with there.in_use(there.root / OTHER):
        there.fetch(there.root / OTHER, seals[OTHER])
        assert (there.root / OTHER / "source").exists()


def test_a_copy_of_what_was_deleted_elsewhere_is_swept_away(here: Shelf, there: Shelf) -> None:
    seals = [here.keep(write(here, name)) for name in (NAME, OTHER)]
    for name, seal in zip((NAME, OTHER), seals, strict=True):
        there.fetch(there.root / name, seal)
    here.remove(here.root / NAME)
    assert sweeping.sweep_when_due(there)
    assert not (there.root / NAME).exists()
    assert (there.root / OTHER).exists()
    assert not sweeping.sweep_when_due(there), "another process of the machine has just done it"


def test_what_is_being_written_is_not_swept_away(there: Shelf) -> None:
    growing, forgotten = write(there, "runs/1"), write(there, "runs/2")
    held = write(there, "runs/3")
    for folder in (forgotten, held):
        os.utime(folder, (1, 1))
    with there.in_use(held):
        sweeping.sweep(there)
    assert growing.exists()
    assert held.exists()
    assert not forgotten.exists()


def test_a_damaged_copy_is_fetched_anew_once_it_is_distrusted(here: Shelf, there: Shelf) -> None:
    seal = here.keep(write(here))
    there.fetch(there.root / NAME, seal)
    (there.root / NAME / "source").write_bytes(b"rot")
    there.forget(there.root / NAME)
    there.fetch(there.root / NAME, seal)
    assert (there.root / NAME / "source").read_bytes() == b"s" * 1000


def test_an_unreadable_note_costs_a_download_and_nothing_else(here: Shelf, there: Shelf) -> None:
    seal = here.keep(write(here))
    there.fetch(there.root / NAME, seal)
    (there.root / ".copies" / f"{NAME.replace('/', '+')}.json").write_bytes(b"{")
    there.fetch(there.root / NAME, seal)
    assert (there.root / NAME / "source").read_bytes() == b"s" * 1000


@pytest.mark.parametrize("name", ["..", "../elsewhere/x", ".copies/x", "a+b/c"])
def test_odd_places_are_refused(here: Shelf, name: str) -> None:
    with pytest.raises(ValueError, match=r"outside|no place"):
        here.key_of(here.root / name)


@pytest.mark.parametrize(
    ("method", "how", "times"), [("GET", "500", 2), ("GET", "refuse", 2), ("GET", "truncate", 2), ("PUT", "500", 2)]
)
def test_what_fails_for_a_moment_is_tried_again(
    here: Shelf, there: Shelf, relay: Relay, method: str, how: str, times: int
) -> None:
    folder = write(here)
    if method == "PUT":
        relay.fail(method, how, times)
        there.fetch(there.root / NAME, here.keep(folder))
        return
    seal = there.keep(write(there))
    relay.fail(method, how, times)
    (folder / "source").unlink()
    here.fetch(folder, seal)
    assert (folder / "source").read_bytes() == b"s" * 1000


def test_a_store_that_answers_too_slowly_is_asked_again(
    here: Shelf, there: Shelf, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "READ_SECONDS", 2)
    seal = there.keep(write(there))
    relay.fail("GET", "slow")
    here.fetch(here.root / NAME, seal)
    assert (here.root / NAME / "source").exists()


def test_large_files_go_in_parts_and_arrive_whole(here: Shelf, there: Shelf, relay: Relay) -> None:
    folder = here.root / NAME
    folder.mkdir(parents=True)
    with (folder / "source").open("wb") as file:
        file.truncate(store.PART_BYTES + 1)
        file.write(b"begins")
    seal = here.keep(folder)
    assert any("uploadId" in request for request in relay.requests)
    there.fetch(there.root / NAME, seal)
    assert digest_of(there.root / NAME / "source") == digest_of(folder / "source")


def test_a_download_that_always_breaks_off_leaves_nothing(here: Shelf, there: Shelf, relay: Relay) -> None:
    seal = there.keep(write(there))
    relay.fail("GET", "truncate", 100)
    with pytest.raises(Unreachable, match="broke off"):
        here.fetch(here.root / NAME, seal)
    assert not (here.root / NAME / "source").exists()
    relay.faults.clear()
    here.fetch(here.root / NAME, seal)


def test_a_store_that_is_away_is_said_to_be_away(here: Shelf, relay: Relay) -> None:
    folder = write(here)
    relay.close()
    with pytest.raises(Unreachable, match=r"Could not connect|Connection was closed"):
        here.keep(folder)
    with pytest.raises(Unreachable):
        here.fetch(here.root / OTHER, "0" * 64)
    assert (folder / "source").exists()
