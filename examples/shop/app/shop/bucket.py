"""The bucket, over the S3 protocol."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Any, Iterator

from shop import settings

ENVIRONMENT = ("S3_ENDPOINT", "S3_REGION", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY")


class Unavailable(Exception):
    """The bucket cannot be asked now."""


class Bucket:
    """One bucket, with the credentials that the environment gives for it."""

    def __init__(self) -> None:
        self._endpoint, self._region, self.name, self._access_key, self._secret_key = settings.required(*ENVIRONMENT)
        self._lock = threading.Lock()
        self._opened: Any = None

    def put(self, key: str, body: bytes, content_type: str) -> None:
        with away():
            self._client().put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type)

    def get(self, key: str) -> bytes | None:
        """The object, or None where there is none of that name."""
        with away():
            client = self._client()
            try:
                return client.get_object(Bucket=self.name, Key=key)["Body"].read()
            except client.exceptions.NoSuchKey:
                return None

    def _client(self) -> Any:
        # boto3 takes a third of a second to import: done when it is first needed, not at start.
        with self._lock:
            if self._opened is None:
                import boto3
                from botocore.config import Config

                self._opened = boto3.session.Session().client(
                    "s3",
                    endpoint_url=self._endpoint,
                    region_name=self._region,
                    aws_access_key_id=self._access_key,
                    aws_secret_access_key=self._secret_key,
                    config=Config(
                        s3={"addressing_style": "path"},
                        connect_timeout=2,
                        read_timeout=10,
                        retries={"max_attempts": 3, "mode": "standard"},
                        # Checksums only where S3 asks for them: not every server knows the newer ones.
                        request_checksum_calculation="when_required",
                        response_checksum_validation="when_required",
                    ),
                )
            return self._opened


@contextmanager
def away() -> Iterator[None]:
    """What goes wrong between us and the bucket is Unavailable; what it refuses stays an error of ours."""
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except BotoCoreError as error:
        raise Unavailable(str(error)) from error
