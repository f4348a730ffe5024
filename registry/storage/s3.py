"""Files by key in a bucket of an S3-compatible service.

A stream is first written to a local draft: its length and its SHA-256 are known before a byte is sent, the service
may be away for a while without asking the caller to begin anew, and a stream that breaks leaves no part behind. The
digest is kept with the object, and what is read is compared with it before the caller sees it.
"""

import hashlib
import io
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from registry.errors import IntegrityError, MissingExtra, ObjectNotFound, StorageUnavailable
from registry.storage.contract import Content, Draft, chunks
from registry.storage.keys import key_parts
from registry.storage.patience import Patience
from registry.storage.s3_reading import DIGEST, Fetching, Windows, compare
from registry.storage.scratch import room_for

if TYPE_CHECKING:
    from botocore.client import BaseClient

PART = 8 << 20  # bytes; S3 takes parts from 5 MiB on
PATIENCE_S = 60.0
LINK_S = 3_600

_IN_MEMORY = 8 << 20
_MISSING = {"NoSuchKey", "NoSuchUpload", "404", "NotFound"}
_PASSING = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling", "OperationAborted"}
_EMPTY = "InvalidRange"  # of an object without a byte there is no part
_CHANGED = {"PreconditionFailed", "412"}


class S3Storage:
    """The storage contract below a prefix of one bucket."""

    def __init__(
        self, bucket: str, prefix: str = "", *, endpoint: str = "", patience_s: float = PATIENCE_S, part: int = PART
    ) -> None:
        """Credentials and region are found where AWS' own tools look for them. Raises MissingExtra."""
        self._bucket, self._prefix, self._part = bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "", part
        self._client = _client(endpoint, connect_s=5, read_s=30, attempts=2)
        self._quick = _client(endpoint, connect_s=2, read_s=4, attempts=1)
        self._patience = Patience(patience_s, _passes)

    def put(self, key: str, content: Content) -> int:
        """Store bytes or a stream of them, replacing what was there; returns how many.

        Raises InvalidInput for a key that is none, StorageUnavailable when the service stays away or refuses, or the
        draft has no room on this machine.
        """
        name = self._name(key)
        with room_for(key), _draft() as draft:
            digest, size = hashlib.sha256(), 0
            for chunk in chunks(content):
                digest.update(chunk)
                size += draft.write(chunk)
            kept = {"Bucket": self._bucket, "Key": name, "Metadata": {DIGEST: digest.hexdigest()}}
            if size <= self._part:
                draft.seek(0)
                self._ask(key, self._client.put_object, **kept, Body=draft.read())
            else:
                self._put_in_parts(key, kept, draft)
        return size

    def _put_in_parts(self, key: str, kept: dict[str, Any], draft: IO[bytes]) -> None:
        upload = self._ask(key, self._client.create_multipart_upload, **kept)["UploadId"]
        place = {"Bucket": kept["Bucket"], "Key": kept["Key"], "UploadId": upload}
        try:
            draft.seek(0)
            parts: list[dict[str, Any]] = []
            while body := draft.read(self._part):
                number = len(parts) + 1
                sent = self._ask(key, self._client.upload_part, **place, PartNumber=number, Body=body)
                parts.append({"ETag": sent["ETag"], "PartNumber": number})
            self._ask(key, self._client.complete_multipart_upload, **place, MultipartUpload={"Parts": parts})
        except BaseException:
            with suppress(Exception):  # what is left over the bucket's own rules remove
                self._quick.abort_multipart_upload(**place)
            raise

    def get(self, key: str) -> bytes:
        """The bytes under a key. Raises ObjectNotFound, StorageUnavailable, IntegrityError."""
        with self.open(key) as file:
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """A binary file to read from, fetched whole and compared with its digest.

        A transfer that breaks off goes on where it stopped, or begins anew when the object was replaced meanwhile.
        Raises ObjectNotFound, StorageUnavailable, IntegrityError.
        """
        with room_for(key):
            file = _draft()
            try:
                fetching = Fetching(self._client, {"Bucket": self._bucket, "Key": self._name(key)}, file, key)
                compare(key, file, self._patiently(key, fetching.go_on))
            except BaseException:
                file.close()
                raise
        return cast(BinaryIO, file)

    def open_in_parts(self, key: str) -> BinaryIO:
        """A binary file of which only what is read is fetched, compared with nothing.

        Raises ObjectNotFound, StorageUnavailable; while it is read, IntegrityError where it was replaced meanwhile.
        """
        place = {"Bucket": self._bucket, "Key": self._name(key)}
        head = self._ask(key, self._client.head_object, **place)

        def fetch(begin: int, end: int) -> bytes:
            part = {"Range": f"bytes={begin}-{end - 1}", "IfMatch": head["ETag"]}
            try:
                return bytes(self._client.get_object(**place, **part)["Body"].read())
            except Exception as error:
                if _code(error)[0] in _CHANGED:
                    raise IntegrityError(f"{key} was replaced while it was read") from error
                raise

        def patiently(begin: int, end: int) -> bytes:
            return bytes(self._patiently(key, partial(fetch, begin, end)))

        return io.BufferedReader(Windows(int(head["ContentLength"]), patiently))

    def exists(self, key: str) -> bool:
        """Whether something is stored under the key."""
        try:
            self._ask(key, self._client.head_object, Bucket=self._bucket, Key=self._name(key))
        except ObjectNotFound:
            return False
        return True

    def size(self, key: str) -> int:
        """How many bytes are stored under the key. Raises ObjectNotFound, StorageUnavailable."""
        about = self._ask(key, self._client.head_object, Bucket=self._bucket, Key=self._name(key))
        return int(about["ContentLength"])

    def beginning(self, key: str, size: int) -> bytes:
        """At most so many bytes from an object's beginning, compared with nothing.

        Raises ObjectNotFound, StorageUnavailable.
        """
        place = {"Bucket": self._bucket, "Key": self._name(key)}

        def fetch() -> bytes:
            try:
                return bytes(self._client.get_object(**place, Range=f"bytes=0-{size - 1}")["Body"].read())
            except Exception as error:
                if _code(error)[0] == _EMPTY:
                    return b""
                raise

        return bytes(self._patiently(key, fetch))

    def delete(self, key: str) -> None:
        """Remove what is stored under the key; nothing there is no error."""
        self._ask(key, self._client.delete_object, Bucket=self._bucket, Key=self._name(key))

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key that begins with the prefix, sorted."""
        return (key for key, _ in self.marks(prefix))

    def marks(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Every key that begins with the prefix, sorted, with what is another once its content is (its ETag)."""
        begin = {"Bucket": self._bucket, "Prefix": self._prefix + prefix}
        token: dict[str, str] = {}
        while True:
            answer = self._ask(prefix, self._client.list_objects_v2, **begin, **token)
            yield from ((each["Key"].removeprefix(self._prefix), each["ETag"]) for each in answer.get("Contents", ()))
            if not answer.get("IsTruncated"):
                return
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    def drafts(self, before: datetime) -> Iterator[Draft]:
        """What puts that began before a moment left: uploads in parts, of which the service keeps every part."""
        asked: dict[str, str] = {"Bucket": self._bucket, "Prefix": self._prefix}
        while True:
            answer = self._ask(self._prefix, self._client.list_multipart_uploads, **asked)
            for each in answer.get("Uploads", ()):
                if each["Initiated"] < before:
                    place = {"Bucket": self._bucket, "Key": each["Key"], "UploadId": each["UploadId"]}
                    with suppress(ObjectNotFound):  # it came to an end meanwhile
                        parts = self._ask(each["Key"], self._client.list_parts, **place).get("Parts", ())
                        size = sum(part["Size"] for part in parts)
                        yield Draft(each["Key"].removeprefix(self._prefix), size, each["UploadId"])
            if not answer.get("IsTruncated"):
                return
            asked |= {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    def discard(self, draft: Draft) -> None:
        """Remove a draft; one that is gone is no error. Raises StorageUnavailable."""
        place = {"Bucket": self._bucket, "Key": self._prefix + draft.key, "UploadId": draft.name}
        with suppress(ObjectNotFound):
            self._ask(draft.key, self._client.abort_multipart_upload, **place)

    def url(self, key: str) -> str:
        """An address that lets whoever has it read the object, for an hour."""
        place = {"Bucket": self._bucket, "Key": self._name(key)}
        return str(self._client.generate_presigned_url("get_object", Params=place, ExpiresIn=LINK_S))

    def check(self) -> None:
        """Raise StorageUnavailable, after seconds, unless an object can be written and deleted."""
        place = {"Bucket": self._bucket, "Key": f"{self._prefix}probe/{secrets.token_hex(4)}"}
        try:
            self._quick.put_object(**place, Body=b"probe")
            self._quick.delete_object(**place)
        except Exception as error:
            raise self._told("the probe", error) from error

    def _name(self, key: str) -> str:
        return self._prefix + "/".join(key_parts(key))

    def _ask(self, key: str, method: Any, **arguments: Any) -> Any:
        return self._patiently(key, partial(method, **arguments))

    def _patiently(self, key: str, call: Any) -> Any:
        try:
            return self._patience.call(call)
        except Exception as error:
            raise self._told(key, error) from error

    def _told(self, key: str, error: Exception) -> Exception:
        """The error of ours for one of boto's; what is none of boto's stays as it is."""
        code, status = _code(error)
        if code in _MISSING:
            return ObjectNotFound(f"nothing is stored under {key!r}")
        if code:
            reason = f"the bucket {self._bucket!r} answered {code} ({status})"
        elif _is_transport(error):
            reason = f"the service of bucket {self._bucket!r} does not answer ({type(error).__name__})"
        else:
            return error
        return StorageUnavailable(
            f"{key} could not be reached: {reason}",
            hint="Check NEXUSAI_STORAGE_URL, NEXUSAI_STORAGE_ENDPOINT and the AWS credentials, and that the bucket "
            "exists and may be written.",
        )


def _client(endpoint: str, *, connect_s: float, read_s: float, attempts: int) -> "BaseClient":
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise MissingExtra("storage on S3 needs boto3", hint="pip install 'nexusai[s3]'") from error
    config = Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        signature_version="s3v4",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    return boto3.session.Session().client("s3", endpoint_url=endpoint or None, config=config)


def _draft() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)


def _code(error: Exception) -> tuple[str, int]:
    """The service's own name of an error with the HTTP status; an empty name for what came from elsewhere."""
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        return "", 0
    return str(answer.get("Error", {}).get("Code", "")), int(
        answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    )


def _is_transport(error: Exception) -> bool:
    from botocore.exceptions import BotoCoreError
    from urllib3.exceptions import HTTPError

    return isinstance(error, BotoCoreError | HTTPError | OSError)


def _passes(error: Exception) -> bool:
    """Whether asking again may help: the service is away, busy, or replaced the object meanwhile."""
    from botocore.exceptions import NoCredentialsError, ParamValidationError, PartialCredentialsError

    code, status = _code(error)
    if code:
        return code in _PASSING | _CHANGED or status >= 500
    hopeless = NoCredentialsError | PartialCredentialsError | ParamValidationError
    return _is_transport(error) and not isinstance(error, hopeless)
