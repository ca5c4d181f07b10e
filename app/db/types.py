"""Column types that the databases lack, or have each in their own way."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

EMBEDDING_SIZE = 512
"""Numbers in a vector."""
# pgvector sends the length and two reserved bytes before the numbers, in network order.
_HEADER_BYTES = 4


RowId = BigInteger().with_variant(Integer, "sqlite")
"""Numbers of rows, 64 bits; SQLite counts by itself only in columns of this type."""


class PgVector(UserDefinedType[object]):
    """The column type of PostgreSQL's extension pgvector.

    Args:
        size: The number of float32 in a vector.
    """

    cache_ok = True

    def __init__(self, size: int = EMBEDDING_SIZE) -> None:
        self.size = size

    def get_col_spec(self, **_: object) -> str:
        """As in CREATE TABLE."""
        return f"VECTOR({self.size})"


class HalfVector(UserDefinedType[object]):
    """pgvector's type of float16, to which an index rounds; nothing is stored in it."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """As in CAST."""
        return f"HALFVEC({EMBEDDING_SIZE})"


ischema_names["vector"] = PgVector  # to compare a database with the tables


class Vector(TypeDecorator[NDArray[np.float32]]):
    """A float32 vector: its little-endian bytes on SQLite, pgvector's type on PostgreSQL."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The database's type."""
        return _vector_type(dialect)

    def process_bind_param(
        self, value: NDArray[np.float32] | None, dialect: Dialect
    ) -> bytes | str | None:
        """To the database."""
        if value is None:
            return None
        if _is_postgres(dialect):
            # As float64 a number has digits enough to become the same float32 again.
            return f"[{','.join(map(repr, value.astype(np.float32).tolist()))}]"
        return value.astype("<f4").tobytes()

    def process_result_value(
        self, value: bytes | None, dialect: Dialect
    ) -> NDArray[np.float32] | None:
        """From the database."""
        content = VectorBytes().process_result_value(value, dialect)
        return None if content is None else np.frombuffer(content, "<f4").astype(np.float32)


class VectorBytes(TypeDecorator[bytes]):
    """The little-endian bytes of a column of vectors, which may be damaged; only for reading."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The database's type."""
        return _vector_type(dialect)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """From the database."""
        if value is None or not _is_postgres(dialect):
            return value
        return np.frombuffer(value, ">f4", offset=_HEADER_BYTES).astype("<f4").tobytes()


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with its time zone. SQLite forgets zones, so there it is stored as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment if _is_postgres(dialect) else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.astimezone(UTC) if _is_postgres(dialect) else value.replace(tzinfo=UTC)


def _vector_type(dialect: Dialect) -> TypeEngine[Any]:
    return dialect.type_descriptor(PgVector() if _is_postgres(dialect) else LargeBinary())


def _is_postgres(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"
