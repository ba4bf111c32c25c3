"""What user code's SQL may do: the platform's rules, one table, asked at prepare time.

Invariant: our own statements run with `is_user_code` False and are not asked about. They cannot be
confused with equal text of user code: that is prepared with a flag of its own (sql.py), so the two
never share a cached statement.

spec: storage §3.8.  Proof: tests/storage/test_authorizer.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import apsw

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Authorizer", "is_internal_name"]

TRANSACTION_REFUSED: Final = (
    "To execute a transaction, please use the state.storage.transaction() or "
    "state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT "
    "statements. The JavaScript API is safer because it will automatically roll back on "
    "exceptions, and because it interacts correctly with Durable Objects' automatic atomic write "
    "coalescing."
)

_FUNCTION_NAMES: Final = """
    abs changes char coalesce concat concat_ws format glob hex ifnull iif instr last_insert_rowid
    length like likelihood likely load_extension lower ltrim max min nullif octet_length printf
    quote random randomblob replace round rtrim sign substr substring total_changes trim
    typeof unhex unicode unlikely upper zeroblob
    date time datetime julianday unixepoch strftime timediff
    current_date current_time current_timestamp
    avg count group_concat string_agg sum total
    row_number rank dense_rank percent_rank cume_dist ntile lag lead
    first_value last_value nth_value
    acos acosh asin asinh atan atan2 atanh ceil cos cosh degrees exp floor ln log log2 mod pi pow
    radians sin sinh sqrt tan tanh trunc
    json jsonb json_array jsonb_array json_array_length json_extract jsonb_extract -> ->>
    json_insert jsonb_insert json_object jsonb_object json_patch jsonb_patch json_remove
    jsonb_remove json_replace jsonb_replace json_set jsonb_set json_type json_valid json_quote
    json_group_array jsonb_group_array json_group_object jsonb_group_object json_each json_tree
    match highlight bm25 snippet rtreecheck
    sqlite_rename_column sqlite_rename_table sqlite_rename_test sqlite_drop_column
    sqlite_rename_quotefix
"""
_FUNCTIONS: Final = frozenset(_FUNCTION_NAMES.split())
_MODULES: Final = frozenset({"fts5", "fts5vocab", "rtree", "rtree_i32"})

_SETTING_PRAGMAS: Final = frozenset(
    {
        "case_sensitive_like",
        "defer_foreign_keys",
        "foreign_keys",
        "ignore_check_constraints",
        "legacy_alter_table",
        "recursive_triggers",
        "reverse_unordered_selects",
    }
)
# Prefixes, as on the platform: `onwards` is on.
_BOOLEAN_PREFIXES: Final = ("true", "false", "yes", "no", "on", "off", "1", "0")
_INTEGER: Final = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)")

# SQLite does not tell the authorizer a table's new name, so the text is asked.
_GAP: Final = r"(?:\s|--[^\n]*\n|/\*.*?\*/)+"
_RENAME_TO_INTERNAL: Final = re.compile(
    rf"rename{_GAP}to(?:{_GAP}|(?=[\"'`\[]))[\"'`\[]?_cf_", re.IGNORECASE | re.DOTALL
)


def is_internal_name(name: str | None) -> bool:
    """Whether a name is the platform's own (`_cf_…` in any case)."""
    return name is not None and name[:4].lower() == "_cf_"


def _allow(first: str | None, second: str | None) -> bool:
    del first, second
    return True


def _public_first(first: str | None, second: str | None) -> bool:
    del second
    return not is_internal_name(first)


def _public_both(first: str | None, second: str | None) -> bool:
    return not is_internal_name(first) and not is_internal_name(second)


def _function(first: str | None, second: str | None) -> bool:
    del first
    return second in _FUNCTIONS


def _virtual_table(first: str | None, second: str | None) -> bool:
    return not is_internal_name(first) and second is not None and second.lower() in _MODULES


def _no_argument(argument: str | None) -> bool:
    return argument is None


def _setting(argument: str | None) -> bool:
    if argument is None:
        return True
    if len(argument) >= 2 and argument[0] in "'\"" and argument[-1] == argument[0]:
        argument = argument[1:-1]
    return argument.lower().startswith(_BOOLEAN_PREFIXES)


def _object_name(argument: str | None) -> bool:
    return argument is not None and not is_internal_name(argument)


def _optional_name(argument: str | None) -> bool:
    return not is_internal_name(argument)


def _optional_integer(argument: str | None) -> bool:
    return argument is None or _INTEGER.fullmatch(argument) is not None


def _anything(argument: str | None) -> bool:
    del argument
    return True


_PRAGMAS: Final[dict[str, Callable[[str | None], bool]]] = {
    "data_version": _no_argument,
    "page_size": _no_argument,
    **dict.fromkeys(_SETTING_PRAGMAS, _setting),
    "table_list": _anything,
    "table_info": _object_name,
    "table_xinfo": _object_name,
    "foreign_key_list": _object_name,
    "index_info": _object_name,
    "index_list": _object_name,
    "index_xinfo": _object_name,
    "foreign_key_check": _optional_name,
    "quick_check": _optional_name,
    "optimize": _optional_integer,
}


def _pragma(first: str | None, second: str | None) -> bool:
    rule = _PRAGMAS.get(first.lower()) if first is not None else None
    return rule is not None and rule(second)


_RULES: Final[dict[int, Callable[[str | None, str | None], bool]]] = {
    apsw.SQLITE_SELECT: _allow,
    apsw.SQLITE_RECURSIVE: _allow,
    apsw.SQLITE_ANALYZE: _allow,
    apsw.SQLITE_CREATE_TABLE: _public_first,
    apsw.SQLITE_DROP_TABLE: _public_first,
    apsw.SQLITE_CREATE_VIEW: _public_first,
    apsw.SQLITE_DROP_VIEW: _public_first,
    apsw.SQLITE_INSERT: _public_first,
    apsw.SQLITE_UPDATE: _public_first,
    apsw.SQLITE_DELETE: _public_first,
    apsw.SQLITE_READ: _public_first,
    apsw.SQLITE_REINDEX: _public_first,
    apsw.SQLITE_ALTER_TABLE: _public_first,
    apsw.SQLITE_CREATE_INDEX: _public_both,
    apsw.SQLITE_DROP_INDEX: _public_both,
    apsw.SQLITE_CREATE_TRIGGER: _public_both,
    apsw.SQLITE_DROP_TRIGGER: _public_both,
    apsw.SQLITE_FUNCTION: _function,
    apsw.SQLITE_CREATE_VTABLE: _virtual_table,
    apsw.SQLITE_DROP_VTABLE: _virtual_table,
    apsw.SQLITE_PRAGMA: _pragma,
}
_TEMP_RULES: Final = frozenset({apsw.SQLITE_READ, apsw.SQLITE_UPDATE})
_TRANSACTIONS: Final = frozenset({apsw.SQLITE_TRANSACTION, apsw.SQLITE_SAVEPOINT})


class Authorizer:
    """The callback of one connection.

    `sql` is the statement that is being prepared. After a refusal `refusal` has the platform's own
    text, if it has one. `has_changed_settings`: a pragma of user code set something that lasts as
    long as the connection.
    """

    __slots__ = ("has_changed_settings", "is_user_code", "refusal", "sql")

    def __init__(self) -> None:
        self.is_user_code = False
        self.sql = ""
        self.refusal: str | None = None
        self.has_changed_settings = False

    def __call__(
        self,
        operation: int,
        first: str | None,
        second: str | None,
        database: str | None,
        trigger: str | None,
    ) -> int:
        """SQLITE_OK or SQLITE_DENY; the arguments are sqlite3_set_authorizer's."""
        del trigger
        if not self.is_user_code:
            return apsw.SQLITE_OK
        allowed = self._allows(operation, first, second, database)
        return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY

    def _allows(
        self, operation: int, first: str | None, second: str | None, database: str | None
    ) -> bool:
        if operation in _TRANSACTIONS:
            self.refusal = TRANSACTION_REFUSED
            return False
        if operation == apsw.SQLITE_ALTER_TABLE:  # here the database comes first
            first, second, database = second, None, first
            if _RENAME_TO_INTERNAL.search(self.sql):
                return False
        if database == "temp":
            return operation in _TEMP_RULES and not is_internal_name(first)
        if database not in (None, "main"):
            return False
        rule = _RULES.get(operation)
        if rule is None or not rule(first, second):
            return False
        if operation == apsw.SQLITE_PRAGMA and second is not None and first in _SETTING_PRAGMAS:
            self.has_changed_settings = True
        return True
