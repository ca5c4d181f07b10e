"""Brings a database to the tables of this version."""

from pathlib import Path

from alembic.config import Config
from sqlalchemy import Connection

from alembic import command

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
