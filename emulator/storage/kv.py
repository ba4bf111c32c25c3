"""Keys and values: the table `_cf_KV`, in the order of the keys' UTF-8 bytes.

Invariants
 1. The table is made by the first put or delete, never by a read.
 2. A key is TEXT. Lone surrogates are kept as three bytes each (WTF-8), which SQLite takes only as
    a BLOB cast to TEXT; such statements also read keys, as bytes. Where keys are handed out, each
    of the three bytes becomes U+FFFD, as on the platform. Code point order of Python strings is
    the byte order of the files.
 3. A value that is not a BLOB cannot be read: an internal error, and the object lives on.
 4. One iterator is live at a time: `list` and `iterate` over a range that is not provably empty
    end the one before.

spec: storage §1.1, §1.4, §1.6, §2, §7.2. Proof: tests/storage/test_kv.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import apsw

from emulator.core.values.errors import error, internal_error
from emulator.storage.sql_text import storable_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.storage.session import Session

__all__ = ["KvIterator", "KvRange", "KvStore"]

_TABLE: Final = "_cf_KV"
_DDL: Final = """CREATE TABLE IF NOT EXISTS _cf_KV (
        key TEXT PRIMARY KEY,
        value BLOB
      ) WITHOUT ROWID"""
_GET: Final = "SELECT value FROM _cf_KV WHERE key = ?"
_PUT: Final = "INSERT INTO _cf_KV VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
_DELETE: Final = "DELETE FROM _cf_KV WHERE key = ?"
_CAST_KEY: Final = "CAST(? AS TEXT)"
_LIST: Final = "SELECT CAST(key AS BLOB), value FROM _cf_KV WHERE key >= CAST(? AS TEXT)"
_BELOW: Final = " AND key < CAST(? AS TEXT)"
_INVALIDATED: Final = (
    "kv.list() iterator was invalidated because a new call to kv.list() was started. "
    "Only one kv.list() iterator can exist at a time."
)


def encode_key(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _decode_key(key: bytes) -> str:
    return key.decode("utf-8", "replace")


def _after(prefix: bytes) -> bytes | None:
    """The least byte string above everything that starts with `prefix`; None if there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


@dataclass(frozen=True, slots=True, kw_only=True)
class KvRange:
    """Keys from `first` up to but excluding `end` (None: to the last), at most `limit` of them."""

    first: bytes
    end: bytes | None
    is_reverse: bool
    limit: int | None

    @classmethod
    def of(
        cls,
        *,
        start: str | None = None,
        start_after: str | None = None,
        end: str | None = None,
        prefix: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> KvRange:
        """The range of list()'s options; `start_after` wins over `start`."""
        first = b"" if start is None else encode_key(start)
        if start_after is not None:
            first = encode_key(start_after) + b"\0"
        ends = [] if end is None else [encode_key(end)]
        if prefix:
            encoded = encode_key(prefix)
            first = max(first, encoded)
            if (above := _after(encoded)) is not None:
                ends.append(above)
        last = min(ends) if ends else None
        return cls(first=first, end=last, is_reverse=reverse, limit=limit)

    @property
    def is_empty(self) -> bool:
        """Whether no key can be in it."""
        return self.end is not None and self.first >= self.end

    def has(self, key: str) -> bool:
        """Whether a key is in it; the limit does not count."""
        encoded = encode_key(key)
        return self.first <= encoded and (self.end is None or encoded < self.end)

    def without_limit(self) -> KvRange:
        return replace(self, limit=None)

    def query(self, limit: int | None) -> tuple[str, tuple[bytes | int, ...]]:
        """The statement that reads the range's next rows (key as bytes, value), with bindings."""
        sql = _LIST
        bindings: list[bytes | int] = [self.first]
        if self.end is not None:
            sql += _BELOW
            bindings.append(self.end)
        sql += " ORDER BY key DESC" if self.is_reverse else " ORDER BY key"
        if limit is not None:
            sql += " LIMIT ?"
            bindings.append(limit)
        return sql, tuple(bindings)

    def without(self, key: bytes) -> KvRange:
        """What is left of the range after `key` was read."""
        left = None if self.limit is None else self.limit - 1
        if self.is_reverse:
            return KvRange(first=self.first, end=key, is_reverse=True, limit=left)
        return KvRange(first=key + b"\0", end=self.end, is_reverse=False, limit=left)


class KvStore:
    """The keys and values of one object. Every method may raise JsException."""

    __slots__ = ("_session", "iterators_started")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.iterators_started = 0

    def get(self, key: str) -> bytes | None:
        """The bytes stored under `key`, None if there are none."""
        session = self._session
        try:
            value = session.execute(_GET, (key,)).get
        except UnicodeEncodeError:
            value = self._get_surrogates(key)
        except apsw.Error as exc:
            self._check_get_failed(exc)
            return None
        if value is None or type(value) is bytes:
            return value
        raise internal_error(session.reference)

    def _get_surrogates(self, key: str) -> object:
        if not self._session.has_table(_TABLE):
            return None
        return self._session.execute(_GET.replace("?", _CAST_KEY), (encode_key(key),)).get

    def _check_get_failed(self, exc: apsw.Error) -> None:
        """A missing table is an empty one (1)."""
        if isinstance(exc, apsw.SQLError) and str(exc) == f"no such table: {_TABLE}":
            return
        raise self._session.failure(exc) from exc

    def get_many(self, keys: Iterable[str]) -> list[tuple[str, bytes]]:
        """Those of the keys that exist, once each, in key order."""
        found = ((key, self.get(key)) for key in sorted(set(keys)))
        return [(storable_text(key), value) for key, value in found if value is not None]

    def put(self, key: str, value: bytes) -> None:
        session = self._session
        if session.needs_begin:
            session.begin()
        try:
            if _TABLE not in session.tables:
                session.make_table(_TABLE, _DDL)
            session.execute(_PUT, (key, value))
        except UnicodeEncodeError:
            self._put_surrogates(key, value)
        except apsw.Error as exc:
            raise session.failure(exc) from exc

    def _put_surrogates(self, key: str, value: bytes) -> None:
        try:
            self._session.execute(_PUT.replace("?", _CAST_KEY, 1), (encode_key(key), value))
        except apsw.Error as exc:
            raise self._session.failure(exc) from exc

    def put_many(self, entries: Sequence[tuple[str, bytes]]) -> None:
        """All of the entries or, if one fails, none."""
        if not entries:
            return
        session = self._session
        if session.needs_begin:
            session.begin()
        session.execute("SAVEPOINT _cf_put_multiple_savepoint")
        try:
            for key, value in entries:
                self.put(key, value)
        except BaseException:
            if session.connection.in_transaction:
                session.execute("ROLLBACK TO _cf_put_multiple_savepoint")
                session.execute("RELEASE _cf_put_multiple_savepoint")
                session.rolled_back()
            raise
        session.execute("RELEASE _cf_put_multiple_savepoint")

    def delete(self, key: str) -> bool:
        """Whether the key existed."""
        session = self._session
        if session.needs_begin:
            session.begin()
        try:
            session.make_table(_TABLE, _DDL)
            try:
                session.execute(_DELETE, (key,))
            except UnicodeEncodeError:
                session.execute(_DELETE.replace("?", _CAST_KEY), (encode_key(key),))
        except apsw.Error as exc:
            raise session.failure(exc) from exc
        return session.connection.changes() > 0

    def delete_many(self, keys: Iterable[str]) -> int:
        """How many of the keys existed."""
        return sum(self.delete(key) for key in keys)

    def list(self, wanted: KvRange) -> list[tuple[str, bytes]]:
        """The keys and values of the range, in its order."""
        if wanted.is_empty:
            return []
        self.iterators_started += 1
        return [(_decode_key(key), value) for key, value in self.read(wanted, wanted.limit)]

    def iterate(self, wanted: KvRange) -> KvIterator:
        """An iterator that reads as it goes."""
        if not wanted.is_empty:
            self.iterators_started += 1
        return KvIterator(self, self._session, wanted)

    def read(self, wanted: KvRange, limit: int | None) -> Sequence[tuple[bytes, bytes]]:
        """Rows of the range: encoded key, value."""
        session = self._session
        try:
            if not session.has_table(_TABLE):
                return []
            rows = session.execute(*wanted.query(limit)).fetchall()
        except apsw.Error as exc:
            raise session.failure(exc) from exc
        if not all(type(value) is bytes for _, value in rows):
            raise internal_error(session.reference)
        return cast("list[tuple[bytes, bytes]]", rows)


class KvIterator:
    """Reads one row per step, so that it sees what was put or deleted ahead of it.

    Each step is a query of its own: an open cursor would keep the database from being
    checkpointed and its connection from being closed.

    DIFFERS: survives the rollback of a transaction that changed the schema, too.
    """

    __slots__ = ("_generation", "_left", "_serial", "_session", "_store")

    def __init__(self, store: KvStore, session: Session, wanted: KvRange) -> None:
        self._store = store
        self._session = session
        self._serial = store.iterators_started
        self._generation = session.generation
        self._left: KvRange | None = None if wanted.is_empty else wanted

    def next(self) -> tuple[str, bytes] | None:
        """The next key and value, None at the end and ever after. Raises JsException."""
        left = self._left
        if left is None:
            return None
        if self._generation != self._session.generation:
            raise internal_error(self._session.reference)
        if self._serial != self._store.iterators_started:
            raise error(_INVALIDATED)
        rows = [] if left.limit == 0 else self._store.read(left, 1)
        if not rows:
            self._left = None
            return None
        key, value = rows[0]
        self._left = left.without(key)
        return _decode_key(key), value
