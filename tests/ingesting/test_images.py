"""Zips of pictures: their classes, the pictures that can be used, and the ones that are skipped by name."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from modelyard.contracts.profile import Bar
from tests.ingesting.samples import class_folders, ingest, picture, zipped
from workers.ingesting import limits


def classes(bars: tuple[Bar, ...]) -> dict[str | None, int]:
    return {bar.value: bar.count for bar in bars}


def test_class_folders_are_read(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, zipped(class_folders()))
    assert outcome.profile.kind == "images"
    assert outcome.profile.rows == 16
    assert classes(outcome.profile.classes) == {"cat": 8, "dog": 8}
    first = outcome.images[0]
    assert first == {"file": "000000.png", "label": "cat", "original": "cat/0.png", "width": 16, "height": 12}
    assert (outcome.folder / "images" / first["file"]).read_bytes() == picture(0)
    assert outcome.profile.details["image_sizes"]["median_width"] == 16


def test_previews_are_small_jpegs_without_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "<script>"
    shot = picture(7, kind="JPEG", size=(640, 480), exif=exif.tobytes())
    outcome = ingest(tmp_path, zipped({"cat/shot.jpg": shot, **class_folders()}))
    preview = outcome.folder / "preview" / outcome.profile.details["previews"][0]["file"]
    with Image.open(preview) as small:
        assert small.format == "JPEG"
        assert max(small.size) == limits.PREVIEW_SIDE
        assert not small.getexif()


@pytest.mark.parametrize("prefix", ["my data/", "a/b/c/"])
def test_folders_around_the_class_folders_do_not_matter(tmp_path: Path, prefix: str) -> None:
    assert classes(ingest(tmp_path, zipped(class_folders(prefix))).profile.classes) == {"cat": 8, "dog": 8}


def test_train_and_test_are_no_classes(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, zipped({**class_folders("Train/"), **class_folders("test/", count=3)}))
    assert classes(outcome.profile.classes) == {"cat": 11, "dog": 11}
    assert "split_folders" in outcome.codes


def test_names_written_on_windows_are_read(tmp_path: Path) -> None:
    entries = {name.replace("/", "\\"): content for name, content in class_folders().items()}
    assert classes(ingest(tmp_path, zipped(entries)).profile.classes) == {"cat": 8, "dog": 8}


def test_chinese_names_are_read_with_and_without_the_utf8_mark(tmp_path: Path) -> None:
    assert classes(ingest(tmp_path, zipped(class_folders(labels=("猫", "狗")))).profile.classes) == {"猫": 8, "狗": 8}
    plain = zipped(class_folders(labels=("QQ", "WW")))
    gbk = plain.replace(b"QQ/", "猫".encode("gbk") + b"/").replace(b"WW/", "狗".encode("gbk") + b"/")
    assert classes(ingest(tmp_path, gbk).profile.classes) == {"猫": 8, "狗": 8}


def test_labels_may_come_from_a_table(tmp_path: Path) -> None:
    pictures = {f"{n}.png": picture(n) for n in range(20)}
    labels = "file,label\n" + "".join(f"{n}.png,{'cat' if n % 2 else 'dog'}\n" for n in range(19)) + "gone.png,cat\n"
    outcome = ingest(tmp_path, zipped({**pictures, "labels.csv": labels.encode()}))
    assert classes(outcome.profile.classes) == {"cat": 9, "dog": 10}
    assert outcome.skipped == ["19.png"]
    assert "“gone.png”" in outcome.warning("missing_pictures").message


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ({f"{n}.png": picture(n) for n in range(12)}, "no_class_folders"),
        (class_folders(labels=("cat",)), "one_class"),
        (class_folders(count=2), "too_few_images"),
        ({**class_folders(labels=("cat",)), "dog/0.png": b"broken"}, "one_class"),
        ({"cat/0.png": b"", "dog/0.png": b""}, "no_images"),
        ({"cat/notes.txt": b"hello", "dog/notes.txt": b"hello"}, "no_images"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(tmp_path: Path, entries: dict[str, bytes], code: str) -> None:
    outcome = ingest(tmp_path, zipped(entries))
    assert outcome.problem.code == code
    assert not (outcome.folder / "images").exists()


def huge_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"I am no picture",
        b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8,
        picture(3, kind="JPEG", size=(200, 200))[:-300],
        picture(3, size=(200, 200))[:-40],
        picture(3).replace(b"IHDR", b"IHDX"),
        huge_png(30_000, 30_000),
        huge_png(2**31 - 1, 2**31 - 1),
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        picture(3, kind="TIFF"),
    ],
)
def test_a_picture_that_cannot_be_used_is_skipped_and_named(tmp_path: Path, content: bytes) -> None:
    outcome = ingest(tmp_path, zipped({**class_folders(), "cat/odd.png": content}))
    assert outcome.profile.rows == 16
    assert outcome.skipped == ["cat/odd.png"]
    assert "“cat/odd.png”" in outcome.warning("skipped_files").message


def test_a_wrong_checksum_is_noticed(tmp_path: Path) -> None:
    broken = bytearray(picture(3))
    broken[broken.index(b"IDAT") + 8] ^= 0xFF
    assert ingest(tmp_path, zipped({**class_folders(), "cat/odd.png": bytes(broken)})).skipped == ["cat/odd.png"]


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (picture(3, kind="JPEG"), "jpg"),
        (picture(3, kind="JPEG", mode="CMYK"), "jpg"),
        (picture(3, kind="JPEG", progressive=True), "jpg"),
        (picture(3, kind="GIF"), "gif"),
        (picture(3, kind="BMP"), "bmp"),
        (picture(3, kind="WEBP"), "webp"),
        (picture(3, mode="L"), "png"),
        (picture(3, mode="1"), "png"),
        (picture(3, mode="LA"), "png"),
        (picture(3, mode="RGBA"), "png"),
        (picture(3, mode="P"), "png"),
        (picture(3, mode="I;16"), "png"),
        (picture(3, size=(1, 1)), "png"),
        (picture(3, size=(1, 5000)), "png"),
        (picture(3) + zipped({"x.txt": b"hi"}), "png"),
    ],
)
def test_a_picture_is_taken_by_its_content(tmp_path: Path, content: bytes, ending: str) -> None:
    outcome = ingest(tmp_path, zipped({"cat/odd": content, **class_folders()}))
    assert outcome.images[0]["original"] == "cat/odd"
    assert outcome.images[0]["file"] == f"000000.{ending}"
    assert (outcome.folder / "preview" / "000000.jpg").is_file()


def test_a_turned_picture_is_measured_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = picture(3, kind="JPEG", size=(96, 48), exif=exif.tobytes())
    first = ingest(tmp_path, zipped({"cat/a.jpg": turned, **class_folders()})).images[0]
    assert (first["width"], first["height"]) == (48, 96)


def test_unbalanced_rare_and_look_alike_classes_are_warned_of(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, zipped({**class_folders(count=12), "Cat/0.png": picture(251)}))
    assert {"rare_class", "imbalance", "similar_classes"} <= outcome.codes


def test_empty_folders_are_told(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, zipped({**class_folders(), "bird/": b""}))
    assert "“bird”" in outcome.warning("empty_folders").message


def test_copies_and_disputed_pictures_are_told(tmp_path: Path) -> None:
    copies = {f"dog/copy{n}.png": picture(0) for n in range(3)}
    outcome = ingest(tmp_path, zipped({**class_folders(), **copies}))
    assert outcome.profile.details["duplicates"] == 3
    assert {"duplicate_images", "disputed_images"} <= outcome.codes


def test_names_that_are_too_long_or_too_deep_are_skipped(tmp_path: Path) -> None:
    entries = {**class_folders(), "cat/" + "n" * 300 + ".png": picture(1), "d/" * 600 + "x.png": picture(1)}
    assert len(ingest(tmp_path, zipped(entries)).skipped) == 2


def test_odd_names_become_plain_files(tmp_path: Path) -> None:
    odd = [
        "CON.png",
        "trailing .png ",
        "new\nline.png",
        "\u202egnp.exe.png",
        "<img src=x>.png",
        "%2e%2e%2f.png",
        "🐱.png",
    ]
    outcome = ingest(
        tmp_path, zipped({**class_folders(), **{f"cat/{name}": picture(n + 99) for n, name in enumerate(odd)}})
    )
    assert outcome.profile.rows == 16 + len(odd)
    assert all(path.name.removesuffix(".png").isdecimal() for path in (outcome.folder / "images").iterdir())


def test_a_single_picture_is_refused_with_the_layout(tmp_path: Path) -> None:
    problem = ingest(tmp_path, picture()).problem
    assert problem.code == "single_image"
    assert "one folder for each class" in problem.message


def test_stored_without_compression_is_fine(tmp_path: Path) -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, content in class_folders().items():
            archive.writestr(name, content)
    assert ingest(tmp_path, output.getvalue()).profile.rows == 16
