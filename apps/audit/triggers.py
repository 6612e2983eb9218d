"""Triggers by which the database itself refuses to change or delete an event.

Only erasing is let through: summary and labels may be emptied when `erased_at` is set.
A migration that alters the table must put them back on SQLite, which rebuilds the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_TABLE = "audit_auditevent"
_FIXED = [
    "id",
    "sequence",
    "at",
    "actor_id",
    "team_id",
    "action",
    "thing_type",
    "thing_id",
    "payload_digest",
    "previous_hash",
    "hash",
]
_SQLITE_CHANGED = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _FIXED)
_POSTGRES_CHANGED = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _FIXED)

_SQLITE = [
    f"""CREATE TRIGGER audit_no_delete BEFORE DELETE ON {_TABLE}
    BEGIN SELECT RAISE(ABORT, 'the audit trail only grows'); END""",
    f"""CREATE TRIGGER audit_no_update BEFORE UPDATE ON {_TABLE}
    WHEN NEW.erased_at IS NULL OR OLD.erased_at IS NOT NULL OR {_SQLITE_CHANGED}
    BEGIN SELECT RAISE(ABORT, 'the audit trail only grows'); END""",
]
_POSTGRES = [
    f"""CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'UPDATE' THEN
        IF NEW.erased_at IS NOT NULL AND OLD.erased_at IS NULL
           AND NOT ({_POSTGRES_CHANGED}) THEN
          RETURN NEW;
        END IF;
      END IF;
      RAISE EXCEPTION 'the audit trail only grows';
    END $$""",
    f"""CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON {_TABLE}
    FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
]
INSTALL = {"sqlite": _SQLITE, "postgresql": _POSTGRES}
REMOVE = {
    "sqlite": ["DROP TRIGGER IF EXISTS audit_no_delete", "DROP TRIGGER IF EXISTS audit_no_update"],
    "postgresql": [
        f"DROP TRIGGER IF EXISTS audit_no_change ON {_TABLE}",
        "DROP FUNCTION IF EXISTS audit_refuse()",
    ],
}


def install(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Put the triggers on the table."""
    for statement in INSTALL[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def remove(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers off the table, so that it can be altered or emptied by a test."""
    for statement in REMOVE[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)
