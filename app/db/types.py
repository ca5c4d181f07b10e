"""Column types that the databases lack."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import DateTime, Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator


class Vector(TypeDecorator[NDArray[np.float32]]):
    """A float32 vector, as its little-endian bytes. PostgreSQL will take pgvector's type here."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(
        self,
        value: NDArray[np.float32] | None,
        dialect: Dialect,  # noqa: ARG002 - the interface's
    ) -> bytes | None:
        """To the database."""
        return None if value is None else value.astype("<f4").tobytes()

    def process_result_value(
        self,
        value: bytes | None,
        dialect: Dialect,  # noqa: ARG002 - the interface's
    ) -> NDArray[np.float32] | None:
        """From the database."""
        return None if value is None else np.frombuffer(value, dtype="<f4").astype(np.float32)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with its time zone. SQLite forgets zones, so everything is stored as UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the interface's
    ) -> datetime | None:
        """To the database."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the interface's
    ) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)
