"""The few things that we ask of a bucket, each tried several times. The only module that knows boto3."""

import hashlib
import logging
import os
import random
import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from modelyard.objects.bucket import Bucket
from modelyard.objects.faults import Damaged, Unreachable

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

ATTEMPTS = 4
BLOCK = 1024**2
CONNECT_SECONDS, READ_SECONDS = 5, 30
SLOWEST_START, SLOWEST_BYTES = 60.0, 64 * 1024
"""A download may take so many seconds, and one more for each so many bytes."""
PART_BYTES = 64 * 1024**2
MOST_AT_ONCE = 1000
GONE = ("NoSuchKey", "404", "NotFound")
UNVERSIONED = ("NotImplemented", "MethodNotAllowed", "AccessDenied", "InvalidRequest", "501", "405", "403")


class BrokenOff(Unreachable):
    """An object began to arrive and did not arrive to its end."""


class Store:
    """A bucket. Keys are below its prefix. Whatever cannot be had raises `Unreachable` or `Damaged`."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        logging.getLogger("botocore.credentials").setLevel(logging.WARNING)
        addressing = self.bucket.addressing
        if addressing == "auto" and (os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")):
            addressing = "path"
        config = Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=16,
            # Older Ceph and MinIO know no checksums of 2025; the signature covers every byte that is sent instead.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": addressing, "payload_signing_enabled": True},
        )
        session = boto3.session.Session()
        region = self.bucket.region or session.region_name or "us-east-1"
        return session.client("s3", region_name=region, endpoint_url=self.bucket.endpoint_url, config=config)

    def put_bytes(self, key: str, content: bytes) -> None:
        self._ask("write", key, lambda client, place: client.put_object(**place, Body=content))

    def put_file(self, key: str, path: Path) -> None:
        """Store a file; it is there under its name when all of it is. Large ones go in parts."""
        size = path.stat().st_size

        def send(client: Any, place: dict[str, str]) -> None:
            if size <= PART_BYTES:
                with path.open("rb") as file:
                    client.put_object(**place, Body=file)
            else:
                client.upload_file(str(path), place["Bucket"], place["Key"], Config=_in_parts())

        self._ask("write", key, send)
        stored = self.size_of(key)
        if stored != size:
            raise Unreachable(f"{self._name(key)} was stored with {stored} bytes, {size} were sent")

    def size_of(self, key: str) -> int | None:
        """The bytes of an object; None where there is none."""
        try:
            answer = self._ask("look at", key, lambda client, place: client.head_object(**place))
        except Damaged:
            return None
        return int(answer["ContentLength"])

    def get_bytes(self, key: str, most: int) -> bytes:
        """A small object. Raises `Damaged` where there is none or it is larger than `most`."""
        content: bytes = self._insist("read", key, lambda: b"".join(self._blocks(key, most)))
        return content

    def get_file(self, key: str, path: Path, size: int) -> str:
        """Fetch an object to `path`, flushed to the disk; returns its SHA-256."""

        def fetch() -> str:
            digest = hashlib.sha256()
            with path.open("wb") as file:
                for block in self._blocks(key, size):
                    digest.update(block)
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            return digest.hexdigest()

        return self._insist("read", key, fetch)

    def list_keys(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Every key below `prefix` and when it was written."""
        for page in self._pages("list_objects_v2", prefix):
            for entry in page.get("Contents", ()):
                yield entry["Key"].removeprefix(self.bucket.prefix), entry["LastModified"]

    def list_folders(self, prefix: str) -> Iterator[str]:
        """The names right below `prefix` that have something below them."""
        for page in self._pages("list_objects_v2", prefix, Delimiter="/"):
            for entry in page.get("CommonPrefixes", ()):
                yield entry["Prefix"].removeprefix(self.bucket.prefix + prefix).rstrip("/")

    def delete_below(self, prefix: str, *, but: Collection[str] = ()) -> None:
        """Delete every object below `prefix` with all its versions, but for those keys."""
        kept = {self.bucket.prefix + key for key in but}
        doomed: list[dict[str, str]] = []
        for found in self._find_versions(prefix):
            if found["Key"] not in kept:
                doomed.append(found)
            if len(doomed) == MOST_AT_ONCE:
                self._delete(doomed)
                doomed = []
        if doomed:
            self._delete(doomed)

    def delete_unfinished(self, before: datetime) -> None:
        """Abort what began to be stored in parts before this and never was: its process was killed."""
        try:
            for page in self._pages("list_multipart_uploads", ""):
                for begun in page.get("Uploads", ()):
                    if begun["Initiated"] < before:
                        self._abort(begun["Key"], begun["UploadId"])
        except Unreachable as fault:
            if not _is_unknown_to_store(fault):
                raise

    # -- asking

    def _ask(self, act: str, key: str, question: Callable[[Any, dict[str, str]], Answer]) -> Answer:
        """One question; boto3 itself repeats what failed for a reason that may pass."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return question(self._client, {"Bucket": self.bucket.name, "Key": self.bucket.prefix + key})
        except ClientError as fault:
            code = str(fault.response.get("Error", {}).get("Code", ""))
            if code in GONE:
                raise Damaged(f"{self._name(key)} is missing") from fault
            raise Unreachable(f"could not {act} {self._name(key)}: {fault}") from fault
        except (BotoCoreError, *_transfer_faults()) as fault:
            raise Unreachable(f"could not {act} {self._name(key)}: {fault}") from fault

    def _insist(self, act: str, key: str, fetch: Callable[[], Answer]) -> Answer:
        """Ask again where the answer broke off, which boto3 does not see."""
        for attempt in range(ATTEMPTS):
            try:
                return self._ask(act, key, lambda client, place: fetch())
            except BrokenOff as fault:
                if attempt == ATTEMPTS - 1:
                    raise
                log.warning("once more: %s", fault)
                time.sleep(random.uniform(0.1, 0.5) * 2**attempt)  # noqa: S311
        raise AssertionError("unreachable")

    def _blocks(self, key: str, most: int) -> Iterator[bytes]:
        """The bytes of an object. Raises `Damaged` where they are more than `most`."""
        from botocore.exceptions import BotoCoreError

        answer = self._client.get_object(Bucket=self.bucket.name, Key=self.bucket.prefix + key)
        deadline = time.monotonic() + SLOWEST_START + most / SLOWEST_BYTES
        count = 0
        try:
            for block in answer["Body"].iter_chunks(BLOCK):
                count += len(block)
                if count > most:
                    raise Damaged(f"{self._name(key)} is larger than the {most} bytes that were stored")
                if time.monotonic() > deadline:
                    raise Unreachable(f"{self._name(key)} came too slowly: {count} of {most} bytes")
                yield block
        except (BotoCoreError, *_transfer_faults()) as fault:
            raise BrokenOff(f"{self._name(key)} broke off after {count} bytes: {fault}") from fault
        finally:
            answer["Body"].close()

    def _pages(self, act: str, prefix: str, **more: Any) -> Iterator[dict[str, Any]]:
        """The pages of a listing, fetched one by one."""

        def begin(client: Any, place: dict[str, str]) -> Iterator[dict[str, Any]]:
            found: Iterator[dict[str, Any]] = iter(
                client.get_paginator(act).paginate(Bucket=place["Bucket"], Prefix=place["Key"], **more)
            )
            return found

        pages = self._ask("list", prefix, begin)
        while (page := self._ask("list", prefix, lambda client, place: next(pages, None))) is not None:
            yield page

    def _find_versions(self, prefix: str) -> Iterator[dict[str, str]]:
        """Everything below `prefix`, older versions and marks of deletion included where the store has such."""
        try:
            for page in self._pages("list_object_versions", prefix):
                for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    yield {"Key": found["Key"], "VersionId": found["VersionId"]}
        except Unreachable as fault:
            if not _is_unknown_to_store(fault):
                raise
            for key, _written in self.list_keys(prefix):
                yield {"Key": self.bucket.prefix + key}

    def _delete(self, doomed: list[dict[str, str]]) -> None:
        answer = self._ask(
            "delete",
            "",
            lambda client, place: client.delete_objects(
                Bucket=place["Bucket"], Delete={"Objects": doomed, "Quiet": True}
            ),
        )
        for failure in answer.get("Errors", ()):
            raise Unreachable(f"could not delete {failure.get('Key')}: {failure.get('Message') or failure.get('Code')}")

    def _abort(self, key: str, upload: str) -> None:
        self._ask(
            "abort",
            "",
            lambda client, place: client.abort_multipart_upload(Bucket=place["Bucket"], Key=key, UploadId=upload),
        )

    def _name(self, key: str) -> str:
        return f"{self.bucket.name}/{self.bucket.prefix}{key}"


def _is_unknown_to_store(fault: Unreachable) -> bool:
    """Whether the store has no such thing as what it was asked for, or forbids it."""
    from botocore.exceptions import ClientError

    cause = fault.__cause__
    return isinstance(cause, ClientError) and str(cause.response["Error"]["Code"]) in UNVERSIONED


def _transfer_faults() -> tuple[type[Exception], ...]:
    from boto3.exceptions import Boto3Error
    from urllib3.exceptions import HTTPError

    return (Boto3Error, HTTPError)


def _in_parts() -> Any:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES // 4, max_concurrency=4)
