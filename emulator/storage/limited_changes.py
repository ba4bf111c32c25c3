"""`DELETE … LIMIT` and `UPDATE … LIMIT`, which our build of SQLite does not parse.

The platform's build does. A statement that SQLite refused at ORDER or LIMIT is written again with
the rows named by a subquery:

    DELETE FROM t WHERE c ORDER BY o LIMIT n
    DELETE FROM t WHERE rowid IN (SELECT rowid FROM t WHERE c ORDER BY o LIMIT n)

Parameters keep their order. DIFFERS: not for tables WITHOUT ROWID nor together with RETURNING.

spec: storage §3.8.  Proof: tests/storage/test_limited_changes.py.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["without_limit"]

_NAME: Final = r'(?:"[^"]*"|`[^`]*`|\[[^\]]*\]|\w+)'
_TABLE: Final = rf"{_NAME}(?:\s*\.\s*{_NAME})?(?:\s+as\s+{_NAME})?"
_DELETE: Final = re.compile(rf"\s*delete\s+from\s+(?P<table>{_TABLE})\s*", re.IGNORECASE)
_UPDATE: Final = re.compile(
    rf"\s*update\s+(?:or\s+\w+\s+)?(?P<table>{_TABLE})\s+set\b", re.IGNORECASE
)
# Whatever may hide a keyword, then words and parentheses.
_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "[^"]*" | `[^`]*` | \[[^\]]*\] | --[^\n]* | /\*.*?\*/
        | (?P<word>\w+) | (?P<open>\() | (?P<close>\))""",
    re.DOTALL | re.VERBOSE,
)


def without_limit(statement: str, refused_at: int) -> str | None:
    """The statement in words that SQLite takes; None if it is not of this kind.

    `refused_at` is the UTF-8 offset of the word that was refused.
    """
    encoded = statement.encode()
    head = encoded[:refused_at].decode()
    tail = encoded[refused_at:].decode().rstrip().removesuffix(";")
    if tail[:5].lower() not in ("order", "limit"):
        return None
    start = _DELETE.match(head) or _UPDATE.match(head)
    if start is None:
        return None
    where = _top_level_where(head, start.end())
    change, condition = (head, "") if where is None else (head[:where], head[where:])
    table = start["table"]
    chosen = f"SELECT rowid FROM {table} {condition} {tail}"  # noqa: S608  # user code's own SQL
    return f"{change} WHERE rowid IN ({chosen}\n)"


def _top_level_where(text: str, begin: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, begin):
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth -= 1
        elif depth == 0 and (token["word"] or "").lower() == "where":
            return token.start()
    return None
