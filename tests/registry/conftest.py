"""An S3 service with a bucket."""

from collections.abc import Iterator

import httpx
import pytest

from tests.registry.s3_service import BUCKET, Service


@pytest.fixture(scope="module")
def credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "tests")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-of-tests")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@pytest.fixture(scope="module")
def service(credentials: None) -> Iterator[Service]:
    made = Service()
    made.start()
    httpx.put(f"{made.url}/{BUCKET}", timeout=60).raise_for_status()
    yield made
    made.stop()
