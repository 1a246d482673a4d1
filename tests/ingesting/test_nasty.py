"""Every file of the archive of nasty inputs, each in a child process of its own with limits on memory and time.

The archive is no part of the project: `MODELYARD_TEST_NASTY` names it, and without it these tests are skipped.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.profile import Profile
from tests.ingesting.nasty_expectations import EXPECTED, IMAGES_SKIPPED, IMAGES_USED, Accepted, Refused
from tests.ingesting.samples import Outcome, class_folders, ingest

ROOT = Path(__file__).parents[2]
PEAK_BYTES = 700 * 1024**2
PROCESSOR_SECONDS = 30
MEASURE = """
import json, resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, (2 * 1024**3, 2 * 1024**3))
subprocess.run(sys.argv[1:], check=True)
took = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([took.ru_maxrss * 1024, took.ru_utime + took.ru_stime]), file=sys.stderr)
"""
"""A small process between, because Linux counts what the parent held before `exec` as the child's."""
ARCHIVE = os.environ.get("MODELYARD_TEST_NASTY", "")

pytestmark = pytest.mark.skipif(
    not Path(ARCHIVE or "-").is_file(), reason="MODELYARD_TEST_NASTY names no archive of nasty inputs"
)


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nasty")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "nasty"


@pytest.fixture(autouse=True)
def no_marker_appears() -> Iterator[None]:
    yield
    places = {Path(tempfile.gettempdir()), Path("/tmp"), ROOT, Path("/")}
    assert not [marker for place in places for marker in place.glob("MLPLATFORM_*")]


def ingest_in_child(folder: Path, source: Path) -> Outcome:
    """Run the child as its supervisor does, and look at what it took."""
    folder.mkdir()
    (folder / "source").write_bytes(source.read_bytes())
    (folder / "request.json").write_text(json.dumps({"filename": source.name}))
    child = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, "-m", "workers.ingesting", str(folder)],
        env={"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}", "TMPDIR": str(folder)},
        capture_output=True,
        check=True,
    )
    peak, seconds = json.loads(child.stderr.splitlines()[-1])
    assert peak < PEAK_BYTES
    assert seconds < PROCESSOR_SECONDS
    return Outcome(folder, Profile.from_json(read_json(folder / "profile.json")))


def test_every_file_of_the_archive_has_an_expectation(nasty: Path) -> None:
    known = {*EXPECTED, *(f"img/{name}" for name in (*IMAGES_USED, *IMAGES_SKIPPED))}
    files = {path.relative_to(nasty).as_posix() for path in nasty.rglob("*") if path.parent != nasty and path.is_file()}
    assert files == known
    assert len(files) == 187


@pytest.mark.parametrize("name", EXPECTED)
def test_a_nasty_file_gets_what_it_should(nasty: Path, tmp_path: Path, name: str) -> None:
    outcome = ingest_in_child(tmp_path / "version", nasty / name)
    expected = EXPECTED[name]
    if isinstance(expected, Refused):
        check_refusal(outcome, expected)
    else:
        check_acceptance(outcome, expected)


def check_refusal(outcome: Outcome, expected: Refused) -> None:
    problem = outcome.problem
    assert problem.code == expected.code
    assert expected.row in (None, problem.row)
    for words in expected.words:
        assert words in problem.message
    assert {path.name for path in outcome.folder.iterdir()} == {"source", "request.json", "profile.json"}


def check_acceptance(outcome: Outcome, expected: Accepted) -> None:
    profile = outcome.profile
    assert not profile.rejected, profile.problems
    assert profile.rows == expected.rows
    if expected.kinds is not None:
        assert sorted(outcome.kinds.items()) == sorted(expected.kinds.items())
    if expected.classes is not None:
        assert {bar.value: bar.count for bar in profile.classes} == expected.classes
        assert sorted(outcome.skipped) == sorted(expected.skipped or outcome.skipped)
    if expected.cells is not None:
        assert expected.cells[1] in outcome.cells(expected.cells[0])
    if expected.warns == {}:
        assert not profile.warnings
    for code, words in (expected.warns or {}).items():
        assert any(words in warning.message for warning in profile.warnings if warning.code == code), profile.warnings


def test_nasty_pictures_are_used_or_skipped_by_name(nasty: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.zip"
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in class_folders().items():
            archive.writestr(name, content)
        for picture in sorted((nasty / "img").iterdir()):
            archive.write(picture, f"cat/{picture.name}")
    outcome = ingest_in_child(tmp_path / "version", bundle)
    used = {image["original"] for image in outcome.images} - set(class_folders())
    assert used == {f"cat/{name}" for name in IMAGES_USED}
    assert set(outcome.skipped) == {f"cat/{name}" for name in IMAGES_SKIPPED}
    sizes = {image["original"]: (image["width"], image["height"]) for image in outcome.images}
    assert sizes["cat/exif_rotated.jpg"] == (48, 96)


@pytest.mark.parametrize("name", [*IMAGES_USED, *IMAGES_SKIPPED])
def test_a_nasty_picture_alone_is_refused(nasty: Path, tmp_path: Path, name: str) -> None:
    outcome = ingest(tmp_path, (nasty / "img" / name).read_bytes())
    assert outcome.problem.code in ("single_image", "not_a_table", "empty_file", "no_rows")
