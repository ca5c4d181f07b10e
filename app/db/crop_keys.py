"""Crops at rest: encrypted where there is a key, as they are where there is none.

A stored crop is either a PNG file or

    version (1 byte: 1), id of the key (8), nonce (12), AES-256-GCM ciphertext and tag

Version, key id and the photo's id are authenticated: a crop that was changed, or moved to another
photo, does not open.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import SettingsError
from app.storage_errors import CropKeyError, DatabaseDamagedError

_VERSION = b"\x01"  # a PNG file begins with another byte
_ID_BYTES = 8
_NONCE_BYTES = 12
_KEY_BYTES = 32
_HEADER_BYTES = len(_VERSION) + _ID_BYTES


class CropKeys:
    """Encrypts and decrypts crops.

    Args:
        keys: 32 bytes each. The first one encrypts, all decrypt; without any, crops are stored as
            they are.

    Attributes:
        current: The id of the first one, 16 hex digits; None if there is none.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._ciphers = {_id_of(key): AESGCM(key) for key in keys}
        self.current = next(iter(self._ciphers), None)

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._ciphers

    def seal(self, photo: UUID, png: bytes) -> bytes:
        """What is stored of a crop.

        Args:
            photo: Whose crop it is.
            png: The crop.
        """
        if self.current is None:
            return png
        header = _VERSION + bytes.fromhex(self.current)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self.current].encrypt(nonce, png, header + photo.bytes)
        return header + nonce + sealed

    def open(self, photo: UUID, stored: bytes) -> bytes:
        """The crop in what is stored of it.

        Raises:
            CropKeyError: Its key is not among these.
            DatabaseDamagedError: It was changed, or is another photo's.
        """
        if not stored.startswith(_VERSION):
            return stored
        key_id = stored[len(_VERSION) : _HEADER_BYTES].hex()
        if key_id not in self._ciphers:
            raise missing({key_id})
        header, nonce = stored[:_HEADER_BYTES], stored[_HEADER_BYTES:][:_NONCE_BYTES]
        try:
            return self._ciphers[key_id].decrypt(
                nonce, stored[_HEADER_BYTES + _NONCE_BYTES :], header + photo.bytes
            )
        except (InvalidTag, ValueError) as error:  # ValueError: too short to have been one
            raise DatabaseDamagedError(
                "A stored crop is damaged. `farsight db check` says whose."
            ) from error


def read_crop_keys(path: Path | None) -> CropKeys:
    """The keys of a file: 64 hex digits a line, the one that encrypts first.

    Raises:
        SettingsError: There is no such file, or something else is in it.
    """
    if path is None:
        return CropKeys()
    try:
        lines = path.read_text(encoding="ascii").split()
        keys = [bytes.fromhex(line) for line in lines]
    except OSError as error:
        raise SettingsError(
            f"The file of FARSIGHT_CROP_KEY_FILE cannot be read: {error.strerror}.", path
        ) from error
    except ValueError as error:
        raise _no_keys(path) from error
    if not keys or any(len(key) != _KEY_BYTES for key in keys):
        raise _no_keys(path)
    return CropKeys(keys)


def missing(key_ids: set[str]) -> CropKeyError:
    """The error if crops are encrypted with keys that are not there."""
    return CropKeyError(
        f"Stored crops are encrypted with the key {', '.join(sorted(key_ids))}, which is not in "
        "the file of FARSIGHT_CROP_KEY_FILE. Put it back: without it nobody can read them."
    )


def _id_of(key: bytes) -> str:
    """Tells keys apart, and nothing about them."""
    return hashlib.sha256(b"farsight crop key" + key).digest()[:_ID_BYTES].hex()


def _no_keys(path: Path) -> SettingsError:
    return SettingsError(
        "The file of FARSIGHT_CROP_KEY_FILE must have a key of 64 hex digits in each line; "
        "`openssl rand -hex 32` prints one.",
        path,
    )
