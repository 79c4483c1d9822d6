"""API keys: a file that nobody else may read, with one key a line."""

import hashlib
import hmac
from http import HTTPStatus
from pathlib import Path
from typing import Self

from daemon.config import ConfigError
from daemon.private_files import PrivateFileError, read_secret
from doors.openai_errors import ApiError

SHORTEST = 16
"""Characters; what is shorter can be guessed."""


class Keys:
    """The keys that open the door. Only their hashes are kept, so that all are of one length."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._hashes = tuple(_hash(key) for key in keys)

    def __len__(self) -> int:
        return len(self._hashes)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The keys of a file; empty lines and those that begin with # are none. Raises ConfigError."""
        try:
            lines = [line.strip() for line in read_secret(file).splitlines()]
        except PrivateFileError as error:
            raise ConfigError(f"[openai] api_key_file: {error}") from None
        keys = tuple(line for line in lines if line and not line.startswith("#"))
        if not keys or any(len(key) < SHORTEST for key in keys):
            raise ConfigError(
                f"[openai] api_key_file: {file} must have keys of at least {SHORTEST} characters, one a"
                " line; make one with `openssl rand -hex 24`"
            )
        return cls(keys)

    def check(self, authorization: str) -> None:
        """Raises ApiError (401) unless this header has one of them; it takes as long for any key."""
        scheme, _, key = authorization.partition(" ")
        given = _hash(key.strip())
        found = [hmac.compare_digest(given, one) for one in self._hashes]
        if scheme.lower() != "bearer" or not any(found):
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "no valid API key: send it as Authorization: Bearer <key>",
                code="invalid_api_key",
            )


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
