"""What every file of the archive of nasty inputs must come to. The key is its path in the archive."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Accepted:
    """A profile of `rows` rows, these kinds of columns or counts of classes; `warns` maps codes to words of theirs."""

    rows: int
    kinds: dict[str, str] | None = None
    classes: dict[str, int] | None = None
    warns: dict[str, str] | None = None
    skipped: tuple[str, ...] = ()
    cells: tuple[str, str] | None = None


@dataclass(frozen=True)
class Refused:
    """A problem of this code; every one of `words` stands in its message, and `row` is named."""

    code: str
    words: tuple[str, ...] = ()
    row: int | None = None


PEOPLE = {"age": "number", "income": "number", "city": "category", "bought": "flag"}
CHINESE = {"年龄": "number", "收入": "number", "城市": "category", "是否购买": "flag"}
X_LABEL = {"x": "number", "label": "category"}
CONTROL = Accepted(60, PEOPLE, cells=("city", "São Paulo"))
ANIMALS = {"cat": 12, "dog": 12}

CSV: dict[str, Accepted | Refused] = {
    "ok_utf8.csv": CONTROL,
    "bom_utf8.csv": CONTROL,
    "utf16le_bom.csv": CONTROL,
    "utf16be_nobom.csv": Accepted(60, PEOPLE, warns={"encoding_guessed": "UTF-16 big endian"}, cells=("city", "Łódź")),
    "latin1.csv": Accepted(60, PEOPLE, warns={"encoding_guessed": "Windows-1252"}, cells=("city", "Zürich")),
    "gbk_chinese.csv": Accepted(60, CHINESE, warns={"encoding_guessed": "GBK"}, cells=("城市", "广州")),
    "gb18030_rare.csv": Accepted(61, CHINESE, warns={"encoding_guessed": "GB18030"}, cells=("城市", "㐂𠮷")),
    "utf8_chinese.csv": Accepted(60, CHINESE),
    "big5.csv": Accepted(
        32,
        {"年齡": "number", "城市": "category", "購買": "flag"},
        warns={"encoding_guessed": "Big5"},
        cells=("城市", "臺北"),
    ),
    "mixed_encoding.csv": Refused("encoding", ("line 31", "UTF-8"), row=30),
    "semicolon.csv": CONTROL,
    "semicolon_decimal_comma.csv": Accepted(60, PEOPLE, warns={"decimal_comma": "income"}),
    "tab.csv": CONTROL,
    "pipe.txt": CONTROL,
    "sep_line.csv": CONTROL,
    "cr_only.csv": CONTROL,
    "crlf_mixed.csv": CONTROL,
    "quoted_newlines.csv": Accepted(40, {"id": "identifier", "comment": "text", "label": "category"}),
    "unclosed_quote.csv": Refused("unclosed_quote", ("line 21", "row 20"), row=20),
    "ragged.csv": Accepted(32, warns={"ragged_rows": "row 2 (line 3) has 2, row 3 (line 4) has 5"}),
    "trailing_delimiter.csv": Accepted(60, PEOPLE, warns={"dropped_columns": "column_5"}),
    "comment_lines.csv": Accepted(60, PEOPLE, warns={"skipped_lines": "3 lines"}),
    "blank_lines.csv": CONTROL,
    "dup_headers.csv": Accepted(
        40,
        {"x": "number", "x_2": "number", "X": "number", "x_3": "number", "label": "category"},
        warns={"renamed_column": "“x_2”", "similar_names": "“X”"},
    ),
    "no_header.csv": Accepted(
        60,
        {"column_1": "number", "column_2": "number", "column_3": "category", "column_4": "flag"},
        warns={"no_header": "looks like data"},
    ),
    "numeric_header.csv": Accepted(40, {"2019": "number", "2020": "number", "2021": "number", "label": "category"}),
    "empty_header_names.csv": Accepted(
        40,
        {"column_1": "number", "column_2": "number", "a": "number", "label": "category"},
        warns={"unnamed_columns": "1, 2"},
    ),
    "hostile_header.csv": Accepted(
        40,
        dict.fromkeys(
            [
                "<script>alert(1)</script>",
                'a"b',
                "__proto__",
                "constructor",
                "../../etc/passwd",
                "{{7*7}}",
                "select",
                "naïve 🐍",
                "col with newline",
                "x" * 300,
            ],
            "number",
        )
        | {"label": "category"},
    ),
    "header_only.csv": Refused("no_rows", ("no data rows",)),
    "empty.csv": Refused("empty_file", ("file is empty",)),
    "bom_only.csv": Refused("empty_file", ("file is empty",)),
    "whitespace_only.csv": Refused("empty_file"),
    "one_row.csv": Refused("too_few_rows", ("1 data row", "at least 10")),
    "two_rows.csv": Refused("too_few_rows", ("2 data rows", "at least 10")),
    "one_column.csv": Refused("one_column"),
    "all_missing_column.csv": Accepted(
        80, {"x": "number", "empty": "empty", "label": "category"}, warns={"empty_column": "“empty”"}
    ),
    "all_missing_target.csv": Accepted(80, {"x": "number", "label": "empty"}, warns={"empty_column": "“label”"}),
    "some_missing_target.csv": Accepted(80, X_LABEL),
    "constant_target.csv": Accepted(80, X_LABEL, warns={"constant": "“label”"}),
    "constant_feature.csv": Accepted(
        80, {"x": "number", "k": "number", "label": "category"}, warns={"constant": "“k”"}
    ),
    "singleton_class.csv": Accepted(80, X_LABEL, warns={"rare_value": "“rare” stands in 1 of 80"}),
    "unique_string_target.csv": Accepted(
        80, {"x": "number", "label": "identifier"}, warns={"identifier": "looks like an identifier"}
    ),
    "numeric_target_stray_text.csv": Accepted(
        80,
        {"x": "number", "price": "number"},
        warns={"stray_text": "row 79 “1,200 EUR”", "missing_words": "row 77 “n/a”, row 78 “unknown”, row 80 “-”"},
    ),
    "numeric_feature_stray_text.csv": Accepted(
        80, X_LABEL, warns={"missing_words": "row 78 “?”, row 79 “N.A.”, row 80 “#DIV/0!”"}
    ),
    "mixed_dates.csv": Accepted(
        80, {"d": "category", "x": "number", "label": "category"}, warns={"mixed_dates": "cannot be read together"}
    ),
    "impossible_dates.csv": Accepted(
        80, {"d": "date", "label": "category"}, warns={"impossible_dates": "row 1 “2024-02-30”"}
    ),
    "thousand_separators.csv": Accepted(
        80,
        {"a": "number", "b": "number", "cc": "number", "label": "category"},
        warns={"thousands_separators": "thousands separators", "decimal_comma": "“b”"},
    ),
    "percent_currency.csv": Accepted(
        80,
        {"a": "number", "b": "number", "cc": "number", "label": "category"},
        warns={"units": "%", "accounting_negatives": "negative"},
    ),
    "booleans_mixed.csv": Accepted(80, {"a": "flag", "label": "category"}),
    "leading_zeros.csv": Accepted(
        80, {"zip": "category", "label": "category"}, warns={"leading_zeros": "“zip”"}, cells=("zip", "01700")
    ),
    "int_overflow.csv": Accepted(80, {"a": "number", "label": "category"}, cells=("a", "18446744073709551616")),
    "inf_nan_strings.csv": Accepted(80, {"a": "category", "label": "category"}, warns={"missing_words": "“inf”"}),
    "huge_range.csv": Accepted(80, {"a": "number", "label": "category"}),
    "na_words.csv": Accepted(
        80, {"country": "category", "label": "category"}, warns={"missing_words": "“NA”"}, cells=("country", "NA")
    ),
    "label_na_none.csv": Accepted(80, X_LABEL, warns={"missing_words": "“None”, “NA”"}, cells=("label", "None")),
    "label_whitespace.csv": Accepted(
        80, X_LABEL, warns={"trimmed_spaces": "“label”", "similar_values": "“yes” / “Yes”"}, cells=("label", "Yes")
    ),
    "numeric_string_labels.csv": Accepted(80, X_LABEL, warns={"leading_zeros": "“label”"}, cells=("label", "01")),
    "float_class_labels.csv": Accepted(80, X_LABEL, cells=("label", "1.0")),
    "many_classes.csv": Accepted(6000, X_LABEL, warns={"many_categories": "2,000 different values"}),
    "high_cardinality.csv": Accepted(
        20_000, {"user": "identifier", "label": "category"}, warns={"identifier": "20,000 different values"}
    ),
    "leak.csv": Accepted(
        400, {"x": "number", "target_copy": "flag", "label": "flag"}, warns={"copied_column": "“target_copy”, “label”"}
    ),
    "imbalanced_999.csv": Accepted(3000, X_LABEL, warns={"rare_value": "“pos” stands in 3 of 3,000"}),
    "unicode_trouble.csv": Accepted(
        80, {"t": "category", "label": "category"}, cells=("t", "\U0001f9d1\u200d\U0001f680")
    ),
    "formula_injection.csv": Accepted(80, {"x": "category", "label": "category"}, cells=("x", "@SUM(A1)")),
    "xss_cells.csv": Accepted(80, {"x": "category", "label": "category"}, cells=("x", "<img src=x onerror=alert(1)>")),
    "null_bytes.csv": Accepted(60, PEOPLE, warns={"nul_characters": "lines: 2, 3, 5"}, cells=("city", "Paris")),
    "control_chars.csv": Accepted(60, PEOPLE),
    "cell_10mb.csv": Accepted(41, warns={"cut_cells": "65,536 characters were cut: row 1"}),
    "line_no_newline_8mb.csv": Refused("too_many_columns", ("at most 2,000",)),
    "cols_5000.csv": Refused("too_many_columns", ("5,000", "at most 2,000")),
    "rows_300k.csv": Accepted(300_000, {"a": "number", "b": "number", "label": "category"}),
    "really_gzip.csv": CONTROL,
    "gzip_bomb.csv.gz": Refused("bomb", ("100 times",)),
    "really_html.csv": Refused("not_a_table", ("HTML",)),
    "really_json.csv": Accepted(20, {"a": "number", "b": "category"}),
    "really_xlsx.csv": Accepted(60, PEOPLE | {"doubled": "empty"}, warns={"empty_column": "“doubled”"}),
    "binary_random.csv": Refused("not_a_table"),
    "exe.csv": Refused("not_a_table", ("program",)),
    "time_unsorted_dups.csv": Accepted(
        80, {"t": "date", "value": "number"}, warns={"unsorted_dates": "“t”", "repeated_dates": "40 moments"}
    ),
    "time_gaps_dst.csv": Accepted(
        80, {"t": "date", "value": "number"}, warns={"date_gaps": "1 gap", "repeated_dates": "5"}
    ),
    "predict_missing_column.csv": Accepted(60, {"age": "number", "city": "category"}),
    "predict_extra_reordered.csv": Accepted(
        60, {"city": "category", "extra": "category", "age": "number", "income": "number"}
    ),
    "predict_unseen_category.csv": Refused("too_few_rows", ("1 data row",)),
}

ZIP: dict[str, Accepted | Refused] = {
    "ok_folders.zip": Accepted(24, classes=ANIMALS),
    "wrapped_folder.zip": Accepted(24, classes=ANIMALS),
    "train_test_inside.zip": Accepted(48, classes={"cat": 24, "dog": 24}, warns={"split_folders": "“test”, “train”"}),
    "flat_files.zip": Refused("no_class_folders", ("folder named like the class",)),
    "single_class.zip": Refused("one_class", ("at least two",)),
    "empty_class_folder.zip": Accepted(24, classes=ANIMALS, warns={"empty_folders": "“bird”"}),
    "one_image_class.zip": Accepted(25, classes=ANIMALS | {"bird": 1}, warns={"rare_class": "“bird”"}),
    "empty.zip": Refused("empty_file"),
    "zero_bytes.zip": Refused("empty_file"),
    "not_a_zip.zip": Refused("not_a_table"),
    "truncated.zip": Refused("damaged"),
    "macosx_junk.zip": Accepted(24, classes=ANIMALS, warns={}),
    "mixed_good_bad.zip": Accepted(
        28, classes={"cat": 15, "dog": 13}, skipped=("cat/trunc.jpg", "dog/empty.png", "dog/notes.txt")
    ),
    "traversal_dotdot.zip": Accepted(
        24, classes=ANIMALS, skipped=("../../../../tmp/MLPLATFORM_ZIPSLIP", "cat/../../../MLPLATFORM_ZIPSLIP2")
    ),
    "traversal_backslash.zip": Accepted(
        24, classes=ANIMALS, skipped=("../../MLPLATFORM_ZIPSLIP3.txt", "C:/Windows/Temp/x.txt")
    ),
    "absolute_names.zip": Accepted(24, classes=ANIMALS, skipped=("/tmp/MLPLATFORM_ABSOLUTE",)),
    "symlink.zip": Accepted(24, classes=ANIMALS, skipped=("cat/passwd.png", "link", "link/MLPLATFORM_SYMLINK")),
    "special_mode_setuid.zip": Accepted(24, classes=ANIMALS, skipped=("fifo", "cat/run.sh")),
    "windows_backslashes.zip": Accepted(24, classes=ANIMALS),
    "names_utf8_chinese.zip": Accepted(24, classes={"猫": 12, "狗": 12}),
    "names_gbk_chinese.zip": Accepted(24, classes={"猫": 12, "狗": 12}),
    "names_odd.zip": Accepted(32, classes={"cat": 20, "dog": 12}),
    "names_too_long.zip": Accepted(24, classes=ANIMALS, warns={"skipped_files": "longer than 240 bytes"}),
    "case_colliding.zip": Accepted(
        26, classes=ANIMALS | {"Cat": 1, "CAT": 1}, warns={"similar_classes": "“CAT”, “Cat”, “cat”"}
    ),
    "hostile_class_names.zip": Accepted(24, classes={"<script>alert(1)<": 12, "; rm -rf x": 12}),
    "duplicate_entries.zip": Accepted(24, classes=ANIMALS, warns={"repeated_entries": "cat/0.png"}),
    "nested_zip.zip": Accepted(24, classes=ANIMALS, skipped=("inner.zip",)),
    "nested_bomb_10x6.zip": Refused("nested_archive", ("not opened",)),
    "bomb_2gb.zip": Refused("bomb", ("1,073,741,824",)),
    "lying_size.zip": Refused("one_class"),
    "many_entries_60k.zip": Refused("too_many_entries", ("60,000", "at most 50,000")),
    "encrypted.zip": Refused("encrypted_zip", ("Encrypted zips are not supported",)),
    "csv_inside.zip": CONTROL,
    "images_with_labels_csv.zip": Accepted(24, classes=ANIMALS),
    "traversal.tar.gz": Refused("unsupported_archive", ("tar",)),
    "tar_named.zip": Refused("unsupported_archive", ("tar",)),
}

TABLE: dict[str, Accepted | Refused] = {
    "ok.parquet": Accepted(60, {"x": "category", "when": "date", "lab": "category"}),
    "nested.parquet": Accepted(
        60, {"id": "identifier", "lab": "category"}, warns={"unsupported_columns": "“nested” (struct"}
    ),
    "odd_types.parquet": Accepted(60, warns={"unsupported_columns": "“bin_” (binary)"}),
    "zero_rows.parquet": Refused("no_rows"),
    "truncated.parquet": Refused("damaged"),
    "parquet_named.csv": Accepted(60, {"x": "category", "when": "date", "lab": "category"}),
    "rle_bomb.parquet": Refused("too_many_rows", ("20,000,000",)),
    "two_sheets_formulas.xlsx": Accepted(
        60,
        {"age": "number", "income": "number", "city": "category", "doubled": "empty", "bought": "flag"},
        warns={"other_sheets": "“Hidden”", "empty_column": "formulas"},
    ),
    "title_merged_total.xlsx": Accepted(
        60,
        {"age": "number", "when": "date", "income": "number", "bought": "flag"},
        warns={"skipped_lines": "header is row 3", "total_row": "“Total”"},
    ),
    "empty.xlsx": Refused("empty_file"),
    "xxe_external.xlsx": Refused("xml_entities"),
    "xxe_laughs.xlsx": Refused("xml_entities"),
    "ok.jsonl": Accepted(40, {"text": "text", "label": "category"}),
    "inconsistent_keys.jsonl": Accepted(30, warns={"bad_lines": "line 7 (not an object)", "similar_names": "“TEXT”"}),
    "bad_lines.jsonl": Refused("bad_json", ("line 2 (", "line 4 (", "line 5 ("), row=2),
    "bom.jsonl": Accepted(20, {"text": "category", "label": "category"}),
    "array_not_lines.jsonl": Accepted(20, {"text": "category", "label": "category"}),
    "deep_nesting.json": Refused("too_deep"),
    "lone_surrogate.jsonl": Accepted(20, warns={"broken_characters": "row 1"}),
    "huge_number.json": Refused("too_few_rows"),
    "empty_strings.jsonl": Accepted(40, warns={"mostly_missing": "75 %"}),
    "long_text.jsonl": Accepted(21, warns={"cut_cells": "65,536"}),
}

MODEL: dict[str, Accepted | Refused] = {
    "lambda_evil.keras": Refused("model_file"),
    "builtin_function_ref.keras": Refused("model_file"),
    "turns_off_safe_mode.keras": Refused("model_file"),
    "lambda_evil.h5": Refused("model_file"),
    "external_link.weights.h5": Refused("model_file"),
    "not_a_model.keras": Refused("not_a_table"),
    "bad_shapes.keras": Refused("model_file"),
    "evil.pkl": Refused("model_file"),
    "evil_object.npy": Refused("model_file"),
    "evil.joblib": Refused("model_file"),
    "ok_small.keras": Refused("model_file"),
    "path_traversal.keras": Refused("model_file"),
}

IMAGES_USED = [
    "ok.png",
    "gray.png",
    "rgba.png",
    "palette_transparent.png",
    "bilevel.png",
    "la.png",
    "gray16.png",
    "cmyk.jpg",
    "exif_rotated.jpg",
    "exif_gps_xss.jpg",
    "png_named.jpg",
    "jpeg_no_extension",
    "UPPER.JPEG",
    "animated.gif",
    "animated.png",
    "anim.webp",
    "still.webp",
    "image.bmp",
    "progressive.jpg",
    "pixel_1x1.png",
    "thin_1x5000.png",
    "polyglot_zip.png",
]
IMAGES_SKIPPED = [
    "truncated.jpg",
    "truncated.png",
    "zero_bytes.jpg",
    "corrupt.jpg",
    "bad_crc.png",
    "text_named.png",
    "multi.tiff",
    "image.avif",
    "svg_script.svg",
    "svg_named.png",
    "bomb_30000x30000.png",
    "claims_2e9.png",
]

EXPECTED: dict[str, Accepted | Refused] = {
    f"{folder}/{name}": expected
    for folder, files in (("csv", CSV), ("zip", ZIP), ("table", TABLE), ("model", MODEL))
    for name, expected in files.items()
}
