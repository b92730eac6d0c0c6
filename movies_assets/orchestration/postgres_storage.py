"""Dagster's storage on PostgreSQL, with batches of events of every kind in one transaction.

dagster.yaml names `PostgresStorage` for an instance that several machines share. dagster-postgres
stores batches of materializations already, but planned events one by one, over a connection and a
transaction for each.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import sqlalchemy as sa
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from movies_assets.orchestration import event_log
from movies_assets.orchestration.dagster_storage import (
    BATCH_WRITABLE_EVENTS,
    ConfigurableClassData,
    SqlEventLogStorageTable,
)

if TYPE_CHECKING:
    from dagster_postgres.auth import PgTokenProvider


class BatchedPostgresEventLog(event_log.Batches, PostgresEventLogStorage):
    """Stores a batch of events in one transaction, with one statement for each table."""

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events in their order, or none of them.

        Raises:
            CheckError: an event is of a kind that Dagster does not store in batches.
        """
        if not {event.dagster_event_type for event in events} <= BATCH_WRITABLE_EVENTS:
            super().store_event_batch(events)  # refuses them
            return
        rows = [self._event_to_row(event) for event in events]
        with self.index_transaction() as connection:
            self._store_rows(connection, events, rows)

    def _insert(
        self, connection: sa.Connection, rows: Sequence[dict[str, object]]
    ) -> Sequence[int]:
        returning = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        return connection.execute(returning, rows).scalars().all()


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's storage on PostgreSQL, with events in batches.

    Args:
        postgres_url: the address of the database.
        should_autocreate_tables: whether to make tables that do not exist.
        inst_data: how dagster.yaml names the storage.
        token_provider: gives the passwords of a cloud's server.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,  # noqa: FBT001, FBT002 (as Dagster calls it)
        inst_data: ConfigurableClassData | None = None,
        token_provider: "PgTokenProvider | None" = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        if event_log.is_tested():
            self._event_log_storage = BatchedPostgresEventLog(
                postgres_url, should_autocreate_tables, token_provider=token_provider
            )

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PostgresStorage":
        """Open the storage as dagster.yaml configures it."""
        url = pg_url_from_config(config_value)
        return cls(
            # SQLAlchemy's default driver is another one than dagster-postgres brings.
            url.replace("postgresql://", "postgresql+psycopg2://", 1),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )
