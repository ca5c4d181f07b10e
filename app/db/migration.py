"""Brings a database to the tables of this version."""

from pathlib import Path

from alembic.config import Config
from sqlalchemy import Connection

from alembic import command
from app.db.session import Sessions
from app.settings import DatabaseSettings

SCRIPTS = Path(__file__).parents[2] / "alembic"


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration, made here so that no .ini file has to be found."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Runs the migrations that the database has not seen yet."""
    command.upgrade(alembic_config(connection), "head")


async def open_sessions(settings: DatabaseSettings) -> Sessions:
    """Opens the database, made or brought up to date where that is needed."""
    sessions = Sessions(settings.url, settings.pool_size, settings.timeout_s)
    await sessions.migrate(upgrade)
    return sessions
