"""A zip of images: every file in it is a row, answered under its path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits
from workers.ingesting.archives import Unreadable, open_archive
from workers.ingesting.findings import Findings, Rejected, listed
from workers.scoring.chunks import Gathering, Values, text_table, to_json_text

FILE = "file"
IMAGES_A_CHUNK = 64


@dataclass
class PictureChunk:
    """Images by their path in the zip."""

    column: str
    paths: list[str]
    images: list[bytes]
    faults: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.paths)

    def values(self) -> Sequence[Values]:
        return [{self.column: image} for image in self.images]

    def texts(self) -> Sequence[Sequence[str]]:
        return [[path] for path in self.paths]

    def objects(self) -> Sequence[str]:
        return [to_json_text({FILE: path}) for path in self.paths]

    def table(self) -> pa.Table:
        return text_table([FILE], self.texts())


class PictureSource:
    """A zip whose directory is sane; `column` is the input of the model that takes an image."""

    def __init__(self, path: Path, column: str, findings: Findings) -> None:
        """Raises `Rejected`."""
        self.names: Sequence[str] = [FILE]
        self.column = column
        self.archive = open_archive(path, findings)
        if not self.archive.entries:
            raise Rejected("no_images", _("The zip has no usable file. Put images into it, in folders or not."))
        if findings.skipped:
            said = _("Files that cannot be used are not in the result: {files}.", files=listed(findings.skipped))
            findings.warn("skipped_files", said)

    def chunks(self) -> Iterator[PictureChunk]:
        self.archive.unpacked = 0
        for pieces in Gathering(1, IMAGES_A_CHUNK).gather((piece, len(piece[1])) for piece in self._pieces()):
            paths, images, faults = zip(*pieces, strict=True)
            named = {place: fault for place, fault in enumerate(faults) if fault}
            yield PictureChunk(self.column, list(paths), list(images), named)

    def _pieces(self) -> Iterator[tuple[str, bytes, str]]:
        """Yield path and content of each file, and what is wrong with it."""
        for entry in self.archive.entries:
            try:
                yield entry.path.as_posix(), self.archive.read(entry, limits.MAXIMUM_IMAGE_BYTES), ""
            except Unreadable as fault:
                yield entry.path.as_posix(), b"", f"the file is {fault.reason}"
