"""Files of the platform by key: put, get, list and delete, in a local folder or in a bucket."""

from pathlib import Path
from urllib.parse import urlsplit

from registry.errors import InvalidSetting
from registry.storage.contract import Content, Storage
from registry.storage.local import LocalStorage
from registry.storage.s3 import S3Storage

__all__ = ["Content", "LocalStorage", "S3Storage", "Storage", "open_storage"]


def open_storage(root: str, endpoint: str = "") -> Storage:
    """The storage behind NEXUSAI_STORAGE_URL: a folder or `s3://bucket/prefix`, at AWS or at another endpoint.

    Raises InvalidSetting for another scheme, MissingExtra where S3 is asked for without boto3.
    """
    scheme = root.split("://", maxsplit=1)[0] if "://" in root else "file"
    if scheme == "file":
        return LocalStorage(Path(root.removeprefix("file://")).absolute())
    if scheme != "s3":
        raise InvalidSetting(f"NEXUSAI_STORAGE_URL: {scheme}:// is not supported, give a folder or s3://bucket/prefix")
    parts = urlsplit(root)
    if not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidSetting("NEXUSAI_STORAGE_URL: an S3 address is s3://bucket/prefix, with nothing else in it")
    return S3Storage(parts.netloc, parts.path, endpoint=endpoint)
