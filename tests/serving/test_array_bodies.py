"""NumPy's files as bodies: what they may hold, and that a hostile one costs nothing."""

import base64
import contextlib
import io
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving import artifacts
from tests.serving.conftest import Shared
from workers.serving.problems import Problem
from workers.serving.protocols.invocations.array_files import parse_npy

NUMBERS = [{"age": 41, "city": "2"}, {"age": None, "city": "1"}]
NAMED = [("age", "<f4"), ("city", "<U6")]
ROWS = [{"age": 41, "city": "Wien"}, {"age": None, "city": "Berlin"}]


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npz(save: Callable[..., None] = np.savez, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def with_header(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    width = 2 if version == b"\x01\x00" else 4
    return b"\x93NUMPY" + version + len(header).to_bytes(width, "little") + header.encode("latin-1") + content


def invoke(shared: Shared, content: bytes, kind: str = "npy", name: str = "people") -> Any:
    headers = {"Content-Type": f"application/x-{kind}"}
    return shared.post(f"/endpoints/{name}/invocations", data=content, headers=headers)


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", "<i8"])
def test_an_array_has_its_columns_in_the_order_of_the_signature(shared: Shared, dtype: str) -> None:
    array = np.array([[41, 2], [41, 1]], dtype=dtype)
    wanted = shared.predict({"age": 41, "city": "2"}, {"age": 41, "city": "1"}).json()
    for layout in (array, np.asfortranarray(array)):
        answer = invoke(shared, npy(layout))
        assert answer.status_code == 200, answer.text
        assert answer.json() == wanted


def test_nan_is_a_missing_number(shared: Shared) -> None:
    array = np.array([[41, 2], [np.nan, 1]])
    assert invoke(shared, npy(array)).json() == shared.predict(*NUMBERS).json()


def test_texts_and_named_columns_are_taken(shared: Shared) -> None:
    wanted = shared.predict(*ROWS).json()
    texts = np.array([["41", "Wien"], ["", "Berlin"]])
    named = np.array([(41, "Wien"), (np.nan, "Berlin")], dtype=NAMED)
    for array in (texts, texts.astype("S"), named):
        answer = invoke(shared, npy(array))
        assert answer.status_code == 200, answer.text
        assert answer.json() == wanted


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_names_its_columns(shared: Shared, save: Callable[..., None]) -> None:
    content = npz(save, city=np.array(["Wien", "Berlin"]), age=np.array([[41.0], [np.nan]]))
    assert invoke(shared, content, "npz").json() == shared.predict(*ROWS).json()
    alone = npz(save, arr_0=np.array([[41, 2], [np.nan, 1]]))
    assert invoke(shared, alone, "npz").json() == shared.predict(*NUMBERS).json()


def test_pictures_come_as_pixels(shared: Shared) -> None:
    pictures = np.stack([np.full((9, 9, 3), grey, dtype=np.uint8) for grey in (10, 240)])
    wanted = shared.predict(
        *({"b64": base64.b64encode(artifacts.draw_image(grey)).decode()} for grey in (10, 240)), name="pictures"
    ).json()
    for content, kind in ((npy(pictures), "npy"), (npz(image=pictures), "npz"), (npz(x=pictures), "npz")):
        answer = invoke(shared, content, kind, "pictures")
        assert answer.status_code == 200, answer.text
        assert answer.json() == wanted
    for one in (pictures[1], pictures[1, :, :, 0], pictures[1].astype(np.float32)):
        answer = invoke(shared, npy(one), "npy", "pictures")
        assert answer.json()["predictions"] == wanted["predictions"][1:]


class Trap:
    """Whoever unpickles this stops with an error."""

    def __reduce__(self) -> Any:
        return (exit, (3,))


HOSTILE = {
    "nothing": b"",
    "no magic": b"PK\x03\x04",
    "only magic": b"\x93NUMPY",
    "objects": npy(np.array([Trap(), {}], dtype=object)),
    "a bare pickle": pickle.dumps([1, 2, 3]),
    "named objects": npy(np.array([(1, Trap())], dtype=[("age", "f4"), ("city", "O")])),
    "a huge shape": with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 2), }"),
    "a shape that overflows": with_header(
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**62}, 4), }}", b"\0" * 64
    ),
    "a negative shape": with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2), }", b"\0" * 8),
    "no rows": with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2), }"),
    "many axes": with_header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'1, ' * 80}), }}", b"\0" * 4),
    "a number without axes": npy(np.float32(3)),
    "wide texts": with_header("{'descr': '<U500000000', 'fortran_order': False, 'shape': (1, 2), }"),
    "texts of no width": with_header("{'descr': '<U0', 'fortran_order': False, 'shape': (9, 2), }"),
    "complex numbers": npy(np.ones((2, 2), dtype=complex)),
    "dates": npy(np.ones((2, 2), dtype="datetime64[s]")),
    "a type in a type": npy(np.zeros(2, dtype=[("age", "f4"), ("city", [("a", "f4")])])),
    "an unknown type": with_header("{'descr': 'zz', 'fortran_order': False, 'shape': (1, 2), }"),
    "a header that calls": with_header("__import__('os').abort()"),
    "a header of brackets": with_header("(" * 5000),
    "a header that goes on": with_header("{'descr': '<f4'" + " " * 60_000),
    "a text that does not end": with_header("'" + '\n"' * 40),
    "a header cut short": npy(np.ones((2, 2)))[:40],
    "an unknown version": with_header("{}", version=b"\x09\x00"),
    "values cut short": npy(np.ones((2, 2)))[:-1],
    "more values than said": npy(np.ones((2, 2))) + b"\0",
    "three columns": npy(np.ones((2, 3))),
    "one axis": npy(np.ones(2)),
    "an unknown column": npy(np.array([(1, 2)], dtype=[("age", "f4"), ("size", "f4")])),
    "an infinite number": npy(np.array([[np.inf, 1]])),
    "text that is not UTF-8": npy(np.array([[b"41", b"\xff"]])),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_array_is_refused_and_harms_nobody(shared: Shared, name: str) -> None:
    answer = invoke(shared, HOSTILE[name])
    assert answer.status_code == 400, answer.text
    assert answer.json()["error_code"] == "BAD_REQUEST"
    assert shared.predict(artifacts.ROW).status_code == 200


def pack(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


AGES = npy(np.array([41.0]))
ARCHIVES = {
    "nothing": b"",
    "no archive": b"PK\x03\x04" + b"\0" * 100,
    "an empty archive": pack(),
    "an array that is none": pack(("age.npy", b"hello")),
    "objects": pack(("age.npy", npy(np.array([Trap()], dtype=object)))),
    "another compression": pack(("age.npy", AGES), compression=zipfile.ZIP_BZIP2),
    "columns of two lengths": npz(age=np.ones(2), city=np.ones(3)),
    "a table and a column": npz(age=np.ones((2, 2)), city=np.ones(2)),
    "an unknown column": npz(age=np.ones(2), size=np.ones(2)),
    "a damaged member": pack(("age.npy", AGES), compression=zipfile.ZIP_STORED).replace(b"NUMPY", b"NUMPX"),
    "cut short": pack(("age.npy", AGES))[:-5],
    "a directory that is too large": pack(*((f"{number}.npy", b"") for number in range(7000))),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_hostile_archive_is_refused(shared: Shared, name: str) -> None:
    answer = invoke(shared, ARCHIVES[name], "npz")
    assert answer.status_code == 400, answer.text
    assert shared.predict(artifacts.ROW).status_code == 200


def test_two_arrays_of_one_name_are_refused(shared: Shared) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = pack(("age.npy", AGES), ("age.npy", AGES))
    assert "twice" in invoke(shared, content, "npz").json()["message"]


def test_an_archive_may_not_unpack_to_more_than_a_body_may_be(shared: Shared) -> None:
    bomb = npz(np.savez_compressed, age=np.zeros(5_000_000), city=np.zeros(5_000_000))
    assert len(bomb) < 200_000
    answer = invoke(shared, bomb, "npz")
    assert answer.status_code == 413
    assert "1000000 bytes" in answer.json()["message"]


def test_more_rows_than_a_call_may_have_are_refused(shared: Shared) -> None:
    many = npy(np.zeros((20_000, 2), dtype=np.int8))
    pictures = npy(np.zeros((20_000, 1, 1, 1), dtype=np.uint8))
    assert invoke(shared, many).status_code == 413
    assert invoke(shared, pictures, name="pictures").status_code == 413


GOOD = npy(np.array([[41, 2], [22, 1]]))


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=200).map(lambda tail: GOOD[:10] + tail),
        st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)).map(
            lambda change: GOOD[: change[0]] + bytes([change[1]]) + GOOD[change[0] + 1 :]
        ),
        st.text("{}()[]',:<f48OU descr shape fortran_order True False -1.0e#\n\\", max_size=200).map(
            lambda header: with_header(header, b"\0" * 16)
        ),
    )
)
def test_whatever_comes_is_an_array_or_a_refusal(content: bytes) -> None:
    with contextlib.suppress(Problem):
        assert parse_npy(content, "the body").nbytes <= len(content)
