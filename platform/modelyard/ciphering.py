"""Encrypted files: AES-256-GCM in chunks, written as a stream, read from anywhere.

    magic 8 | key id 8 | salt 16 | chunk | chunk | … | last chunk

A chunk is 64 KiB of text and a tag of 16 bytes; the last one may be shorter, also empty. Each file has a key of its own
(HKDF-SHA256 of the master key with the salt), so its nonces may simply count: eleven bytes with the number of the chunk
and one that says whether it is the last. The head is authenticated with every chunk. Chunks that were changed, swapped,
repeated or cut off are found when they are read (the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizár 2015).

Every process reads which keys there are, few use them: the library behind them is loaded with the first cipher.
"""

import hashlib
import io
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from modelyard.contracts.crash_points import reach

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"MYCIPH1\n"
CHUNK = 64 * 1024
TAG = 16
ID, SALT = 8, 16
HEAD = len(MAGIC) + ID + SALT
SHORTEST_KEY = 32


class WrongKey(Exception):
    """None of the keys is the one that a file was encrypted with; the message names the file's key by its id."""


class Tampered(Exception):
    """An encrypted file is not what was written: changed, cut off, or never finished."""


@dataclass(frozen=True)
class Key:
    """A master key, made of a long random text. `id` tells keys apart and says nothing about them."""

    secret: bytes = field(repr=False)
    id: bytes

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises `ValueError` for a text that is too short to be a key."""
        if len(text) < SHORTEST_KEY:
            raise ValueError(f"a key must have at least {SHORTEST_KEY} characters, got {len(text)}")
        secret = hashlib.sha256(b"modelyard key\0" + text.encode()).digest()
        return cls(secret, hashlib.sha256(b"modelyard key id\0" + secret).digest()[:ID])

    def cipher(self, salt: bytes) -> "AESGCM":
        """The cipher of one file."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"modelyard file")
        return AESGCM(derived.derive(self.secret))


@dataclass(frozen=True)
class KeyRing:
    """The key that encrypts, first, and former ones that still decrypt."""

    keys: tuple[Key, ...] = ()

    @classmethod
    def of(cls, texts: str) -> Self:
        """Keys apart by white space. Raises `ValueError`."""
        return cls(tuple(Key.of(text) for text in texts.split()))

    def __bool__(self) -> bool:
        return bool(self.keys)

    @property
    def current(self) -> Key:
        return self.keys[0]

    def find(self, key_id: bytes) -> Key:
        """Raises `WrongKey`."""
        for key in self.keys:
            if key.id == key_id:
                return key
        raise WrongKey(f"it was encrypted with the key {key_id.hex()}, which is not among those that are set")


class EncryptingWriter(io.RawIOBase):
    """Encrypts what is written into `file`. Only `finish` makes it whole; what was never finished cannot be read."""

    def __init__(self, file: BinaryIO, key: Key) -> None:
        self._file = file
        salt = os.urandom(SALT)
        self._head = MAGIC + key.id + salt
        self._cipher = key.cipher(salt)
        self._waiting = bytearray()
        self._number = 0
        file.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, content: "ReadableBuffer") -> int:
        piece = memoryview(content)
        self._waiting += piece
        while len(self._waiting) > CHUNK:
            self._put(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return piece.nbytes

    def finish(self) -> None:
        """Write the last chunk; `file` stays open."""
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _put(self, text: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), text, self._head))
        self._number += 1


class DecryptingReader(io.RawIOBase):
    """The text of an encrypted file, from any place. Raises `WrongKey`, and `Tampered` once it reads what is wrong."""

    def __init__(self, file: BinaryIO, keys: KeyRing) -> None:
        self._file = file
        self._head = file.read(HEAD)
        if len(self._head) != HEAD or not self._head.startswith(MAGIC):
            raise Tampered("it does not begin as an encrypted file does")
        key = keys.find(self._head[len(MAGIC) : len(MAGIC) + ID])
        self._cipher = key.cipher(self._head[-SALT:])
        body = file.seek(0, io.SEEK_END) - HEAD
        self._chunks = -(-body // (CHUNK + TAG))
        self.size = body - self._chunks * TAG
        if self._chunks < 1 or self.size < (self._chunks - 1) * CHUNK:
            raise Tampered("its end is missing")
        self._at = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer).cast("B")
        number, start = divmod(self._at, CHUNK)
        if self._at >= self.size:
            self._chunk(self._chunks - 1)
            return 0
        piece = self._chunk(number)[start : start + len(target)]
        target[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _chunk(self, number: int) -> bytes:
        from cryptography.exceptions import InvalidTag

        if self._held[0] != number:
            self._file.seek(HEAD + number * (CHUNK + TAG))
            sealed = self._file.read(CHUNK + TAG)
            try:
                text = self._cipher.decrypt(_nonce(number, number == self._chunks - 1), sealed, self._head)
            except InvalidTag as fault:
                raise Tampered(f"chunk {number} of {self._chunks} is not what was written") from fault
            self._held = (number, text)
        return self._held[1]


def is_encrypted(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def key_id_of(path: Path) -> bytes:
    """Which key an encrypted file needs."""
    with path.open("rb") as file:
        return file.read(HEAD)[len(MAGIC) : len(MAGIC) + ID]


def encrypt_file(source: Path, target: Path, key: Key) -> None:
    """Write `source`, encrypted and flushed to the disk, to `target`, which its owner alone can read."""
    with source.open("rb") as plain, _private(target) as file:
        writer = EncryptingWriter(file, key)
        shutil.copyfileobj(plain, writer, CHUNK)
        writer.finish()
        file.flush()
        reach("object.encrypt.before_fsync")
        os.fsync(file.fileno())


def decrypt_file(source: Path, target: Path, keys: KeyRing) -> None:
    """Write the text of `source` to `target`, which its owner alone can read. Raises `WrongKey`, `Tampered`."""
    with source.open("rb") as file, _private(target) as plain:
        shutil.copyfileobj(DecryptingReader(file, keys), plain, CHUNK)


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def sealed_size(plain: int) -> int:
    """The bytes of an encrypted file with so many bytes of text."""
    return HEAD + plain + max(1, -(-plain // CHUNK)) * TAG


def plain_size(sealed: int) -> int | None:
    """The bytes of text in an encrypted file; None where no encrypted file has so few bytes."""
    body = sealed - HEAD
    return body - -(-body // (CHUNK + TAG)) * TAG if body >= TAG else None
