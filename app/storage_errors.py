"""What goes wrong with the database and the disk; see app.errors."""

from app.errors import FarsightError


class DatabaseBusyError(FarsightError):
    """No connection or no lock in time; nothing was written. `is_lost`: no server answers."""

    code = "database_busy"
    title = "The database is busy"
    names_nobody = True
    is_lost = False


class StorageError(FarsightError):
    """The disk is full, read-only or failing; nothing was written."""

    code = "storage_failed"
    title = "The database cannot be written"
    names_nobody = True


class CropKeyError(FarsightError):
    """Stored crops are encrypted with a key that the service does not have."""

    code = "crop_key_missing"
    title = "The key of stored crops is missing"
    names_nobody = True


class DatabaseDamagedError(FarsightError):
    """The database's file is damaged, empty, gone or replaced; nothing more is written to it."""

    code = "database_damaged"
    title = "The database is damaged"
    names_nobody = True
