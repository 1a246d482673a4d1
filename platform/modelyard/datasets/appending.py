"""Writing what arrives to the end of an upload, so that a cut at any byte loses nothing that was noted as safe."""

import hashlib
import os
from base64 import b64decode
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.contracts.crash_points import reach
from modelyard.datasets import files, uploads
from modelyard.datasets.models import Upload
from modelyard.errors import Conflict, InvalidInput, TooLarge

SAVE_BYTES, SAVE_BYTES_AFAR = 4 * 1024**2, 16 * 1024**2
"""So many bytes are made safe at a time: on the disk, or in an object store."""
RENEW_SECONDS = 8.0
ALGORITHMS = ("sha1", "sha256")


@dataclass(frozen=True, kw_only=True)
class Checksum:
    """What the sender says the digest of this request's bytes is."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> "Checksum":
        """Read `sha256 <base64>`. Raises `InvalidInput`."""
        algorithm, _space, encoded = text.partition(" ")
        if algorithm not in ALGORITHMS:
            raise InvalidInput({"Upload-Checksum": f"must be one of {', '.join(ALGORITHMS)}, got {algorithm[:20]}"})
        try:
            return cls(algorithm=algorithm, digest=b64decode(encoded.strip(), validate=True))
        except ValueError as fault:
            raise InvalidInput({"Upload-Checksum": f"the digest is not base64: {fault}"}) from fault


class Mismatch(Conflict):
    """The bytes are not those that the checksum was made of; they were thrown away."""

    code = "checksum_mismatch"


class Append:
    """One request's bytes. Made with the upload's lock taken; `finish` must be called and gives it back.

    Without a checksum every few megabytes are flushed and noted as safe, so that a broken connection keeps them. With
    one nothing is safe before the digest of all was compared.
    """

    def __init__(self, upload: Upload, offset: int, checksum: Checksum | None) -> None:
        self.upload = upload
        self.token: UUID = uploads.acquire(upload, offset)
        self.checksum = checksum
        self.digest = hashlib.new(checksum.algorithm) if checksum else None
        self.offset = self.saved = offset
        self.renewed = monotonic()
        self.afar = storage.current_shelf() is not None
        self.at_once = SAVE_BYTES_AFAR if self.afar else SAVE_BYTES
        with files.naming_a_full_disk():
            self.file = os.open(storage.upload_file(upload.pk), os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(self.file, offset)

    def write(self, block: bytes) -> None:
        """Put `block` at the end. Raises `TooLarge`, `StorageFull`, and `Conflict` where the lock was lost."""
        if self.offset + len(block) > self.upload.length:
            raise TooLarge(_("more bytes were sent than the upload was made for"))
        if monotonic() - self.renewed > uploads.LOCK.total_seconds():
            raise Conflict(
                _("the request was too slow and lost its place; ask for the offset and go on"), code="too_slow"
            )
        with files.naming_a_full_disk():
            self._write_all(block)
        if self.digest is not None:
            self.digest.update(block)
        due = monotonic() - self.renewed > RENEW_SECONDS
        if self.digest is None and (due or self.offset - self.saved >= self.at_once):
            self._save()
        elif due:
            uploads.renew(self.upload, self.token)
            self.renewed = monotonic()

    def finish(self, *, complete: bool) -> int:
        """Note what is safe, give the lock back and return the offset; `complete` says that nothing was cut off.

        Raises `Mismatch` where the checksum differs.
        """
        try:
            if self._is_trusted(complete):
                self._save()
            elif complete:
                raise Mismatch(_("the bytes are not those that the checksum was made of; send them again"))
            return self.saved
        finally:
            os.close(self.file)
            uploads.give_up(self.upload, self.token)

    def _is_trusted(self, complete: bool) -> bool:
        if self.checksum is None or self.digest is None:
            return True
        return complete and self.digest.digest() == self.checksum.digest

    def _write_all(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            count = os.pwrite(self.file, rest, self.offset)
            self.offset += count
            rest = rest[count:]

    def _save(self) -> None:
        reach("upload.before_fsync")
        if self.afar:
            self._save_afar()
        else:
            with files.naming_a_full_disk():
                os.fdatasync(self.file)
        reach("upload.before_noting")
        uploads.renew(self.upload, self.token, offset=self.offset)
        reach("upload.noted")
        self.saved, self.renewed = self.offset, monotonic()

    def _save_afar(self) -> None:
        """Store what is not stored yet; only that much of the file lies on this disk."""
        for start in range(self.saved, self.offset, self.at_once):
            storage.keep_part(self.upload.pk, start, os.pread(self.file, min(self.at_once, self.offset - start), start))
        os.ftruncate(self.file, 0)
        os.ftruncate(self.file, self.offset)
