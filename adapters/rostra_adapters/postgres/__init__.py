"""The log and the keys in PostgreSQL."""

from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.keys.ring import PostgresKeyRing
from rostra_adapters.postgres.log.event_log import PostgresLog
from rostra_adapters.postgres.schema import install

__all__ = ["PostgresKeyRing", "PostgresLog", "create_pool", "install"]
