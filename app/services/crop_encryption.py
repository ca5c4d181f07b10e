"""Encrypts crops that were stored without a key, or with a former one, beside the requests.

The rows alone say what remains to be done, so this can stop and begin again at any point, and
crops that are stored meanwhile need no special care.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from app.db.repositories import crops, erasures
from app.db.session import Sessions, WriteSession, patiently
from app.errors import SettingsError
from app.progress import Advance
from app.storage_errors import DatabaseDamagedError

# Crops per transaction, 1.3 MB: registrations wait for one meanwhile.
_PAGE = 64
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Encryption:
    """What was done.

    Attributes:
        encrypted: Crops that have the current key now and had not.
        damaged: Crops that cannot be decrypted; they are left as they are.
    """

    encrypted: int
    damaged: int


async def encrypt_crops(sessions: Sessions, advance: Advance) -> Encryption:
    """Encrypts every stored crop with the current key.

    Args:
        sessions: With every key that crops are encrypted with.
        advance: Told how many are done, of how many.

    Raises:
        SettingsError: There is no key.
        DatabaseBusyError: The database was busy for a minute.
        StorageError: The disk is full; what was encrypted before is.
    """
    if sessions.crop_keys.current is None:
        raise SettingsError("FARSIGHT_CROP_KEY_FILE names no file of keys; see docs/operators.md.")
    async with sessions.read() as session:
        total = await crops.count_to_encrypt(session)
    encrypted, damaged, after = 0, set[UUID](), None
    while True:
        async with sessions.read() as session:
            page = await crops.page_to_encrypt(session, after, _PAGE)
        if not page and after is None:
            return Encryption(encrypted, len(damaged))
        if not page:
            # From the start: crops stored meanwhile, by a service without the key, come anywhere.
            async with sessions.read() as session:
                if await crops.count_to_encrypt(session) == len(damaged):
                    return Encryption(encrypted, len(damaged))
            after, damaged = None, set()
            continue
        sound = dict(_opened(sessions, page))
        damaged |= {photo for photo, _ in page} - sound.keys()
        await patiently(partial(sessions.write, partial(_store, pngs=sound)), _PATIENCE_S)
        encrypted += len(sound)
        after = page[-1][0]
        advance(min(encrypted, total), total)


def _opened(sessions: Sessions, page: Sequence[tuple[UUID, bytes]]) -> list[tuple[UUID, bytes]]:
    opened = []
    for photo, stored in page:
        try:
            opened.append((photo, sessions.crop_keys.open(photo, stored)))
        except DatabaseDamagedError:
            continue  # counted, and left to `farsight db check`
    return opened


async def _store(session: WriteSession, pngs: dict[UUID, bytes]) -> None:
    for photo, png in pngs.items():
        await crops.put(session, photo, png)
    # What was not encrypted has to leave the disk.
    await erasures.add(session, "")
