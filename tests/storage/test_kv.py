"""Keys and values: spec storage §1.1, §1.4, §1.6, §2, §3.6."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.core.values.errors import JsException
from emulator.storage.kv import KvRange

INTERNAL = r"internal error; reference = r{24}"


def keys(storage, **options):
    return [key for key, _ in storage.kv.list(KvRange.of(**options))]


def handed_out(key):
    """A key as lists show it: half of a surrogate pair is three replacement characters."""
    return "".join("�" * 3 if "\ud800" <= c <= "\udfff" else c for c in key)


def fill(storage, *names):
    storage.kv.put_many([(name, name.encode("utf-8", "surrogatepass")) for name in names])


def tables(storage):
    return [row[0] for row in storage.exec("SELECT name FROM sqlite_schema").rows()]


class TestGetPutDelete:
    def test_a_missing_key_is_none(self, storage):
        assert storage.kv.get("a") is None
        storage.kv.put("b", b"1")
        assert storage.kv.get("a") is None

    def test_a_put_is_read_and_replaced(self, storage):
        storage.kv.put("a", b"1")
        storage.kv.put("a", b"2")
        assert storage.kv.get("a") == b"2"

    @pytest.mark.parametrize("key", ["", "a\0b", "日本", "😀", "\ud800", "x\udc00y"])
    def test_every_string_is_a_key(self, storage, key):
        storage.kv.put(key, b"1")
        storage.kv.put(key, b"2")
        assert storage.kv.get(key) == b"2"
        assert keys(storage) == [handed_out(key)]
        assert storage.kv.get_many([key]) == [(handed_out(key), b"2")]
        assert storage.kv.delete(key)
        assert storage.kv.get(key) is None

    def test_half_a_surrogate_pair_is_not_the_replacement_character(self, storage):
        storage.kv.put("\ud800", b"1")
        assert storage.kv.get("�") is None

    def test_half_a_surrogate_pair_is_missing_before_the_first_put(self, storage):
        assert storage.kv.get("\ud800") is None

    def test_many_are_found_once_each_in_key_order(self, storage):
        fill(storage, "b", "a", "\uffff", "😀")
        found = storage.kv.get_many(["😀", "\uffff", "zz", "b", "b"])
        assert [key for key, _ in found] == ["b", "\uffff", "😀"]
        assert storage.kv.get_many([]) == []

    def test_delete_tells_whether_the_key_existed(self, storage):
        storage.kv.put("a", b"1")
        assert storage.kv.delete("a")
        assert not storage.kv.delete("a")

    def test_many_deleted_are_counted_once(self, storage):
        fill(storage, "a", "b", "c")
        assert storage.kv.delete_many(["a", "a", "b", "x"]) == 2
        assert storage.kv.delete_many([]) == 0
        assert keys(storage) == ["c"]

    def test_values_are_bytes_as_they_came(self, storage):
        storage.kv.put("empty", b"")
        storage.kv.put("zero", b"\0" * 10)
        assert storage.kv.get("empty") == b""
        assert storage.kv.get("zero") == b"\0" * 10


class TestTable:
    def test_reads_do_not_make_the_table(self, storage):
        storage.kv.get("a")
        storage.kv.list(KvRange.of())
        storage.kv.iterate(KvRange.of()).next()
        assert tables(storage) == []
        assert not storage.is_dirty

    @pytest.mark.parametrize("write", ["put", "delete"])
    def test_the_first_put_or_delete_makes_it_with_the_platforms_text(self, storage, write):
        storage.kv.put("a", b"") if write == "put" else storage.kv.delete("a")
        sql = storage.exec("SELECT sql FROM sqlite_schema WHERE name = '_cf_KV'").one()
        assert sql == (
            "CREATE TABLE _cf_KV (\n        key TEXT PRIMARY KEY,\n        value BLOB\n"
            "      ) WITHOUT ROWID",
        )

    def test_a_table_that_was_rolled_back_is_made_again(self, storage):
        storage.kv.put("a", b"1")
        storage.rollback()
        assert storage.kv.get("a") is None
        storage.kv.put("a", b"2")
        assert storage.kv.get("a") == b"2"


class TestPutMany:
    def test_all_or_none(self, storage):
        storage.kv.put("a", b"old")
        with pytest.raises(JsException, match="string or blob too big: SQLITE_TOOBIG"):
            storage.kv.put_many([("a", b"new"), ("b", bytes(8_388_642))])
        assert storage.kv.list(KvRange.of()) == [("a", b"old")]
        assert storage.is_dirty

    def test_nothing_put_opens_nothing(self, storage):
        storage.kv.put_many([])
        assert not storage.is_dirty

    def test_a_failing_first_put_takes_the_table_with_it(self, storage):
        with pytest.raises(JsException):
            storage.kv.put_many([("a", b""), ("b", bytes(8_388_642))])
        storage.kv.put("a", b"1")
        assert keys(storage) == ["a"]


class TestLimits:
    def test_the_whole_record_counts(self, storage):
        overhead = 6
        storage.kv.put("k", bytes(8_388_642 - overhead - 1))
        with pytest.raises(JsException) as caught:
            storage.kv.put("k", bytes(8_388_642 - overhead))
        assert str(caught.value) == "Error: string or blob too big: SQLITE_TOOBIG"

    def test_a_large_key_is_no_error_before_the_table_exists(self, storage):
        assert storage.kv.get("x" * 8_388_700) is None
        with pytest.raises(JsException, match="SQLITE_TOOBIG"):
            storage.kv.delete("x" * 8_388_700)


class TestUnreadable:
    @pytest.mark.parametrize("value", ["'text'", "5"])
    def test_a_value_that_is_no_blob_is_an_internal_error(self, make_storage, tmp_path, value):
        storage = make_storage()
        fill(storage, "a", "good")
        storage.commit()
        storage.close()
        connection = apsw.Connection(str(tmp_path / "object.sqlite"))
        connection.execute(f"UPDATE _cf_KV SET value = {value} WHERE key = 'a'")
        connection.close()
        storage = make_storage()
        with pytest.raises(JsException, match=INTERNAL):
            storage.kv.get("a")
        with pytest.raises(JsException, match=INTERNAL):
            storage.kv.list(KvRange.of())
        assert storage.kv.get("good") == b"good"
        storage.kv.put("a", b"fixed")
        storage.commit()


class TestList:
    NAMES = ("a", "ab", "abc", "b", "ba", "c", "\uffff", "😀")

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, "a ab abc b ba c \uffff 😀"),
            ({"reverse": True}, "😀 \uffff c ba b abc ab a"),
            ({"start": "ab"}, "ab abc b ba c \uffff 😀"),
            ({"start_after": "ab"}, "abc b ba c \uffff 😀"),
            ({"end": "b"}, "a ab abc"),
            ({"prefix": "ab"}, "ab abc"),
            ({"prefix": "b", "limit": 1}, "b"),
            ({"limit": 2, "reverse": True}, "😀 \uffff"),
            ({"start": "ab", "end": "c", "limit": 2, "reverse": True}, "ba b"),
            ({"prefix": "a", "start": "abc"}, "abc"),
            ({"prefix": "a", "end": "abc"}, "a ab"),
            ({"prefix": ""}, "a ab abc b ba c \uffff 😀"),
            ({"start": ""}, "a ab abc b ba c \uffff 😀"),
            ({"prefix": "\uffff"}, "\uffff"),
            ({"prefix": "😀"}, "😀"),
            ({"start": "b", "end": "a"}, ""),
            ({"start": "b", "end": "b"}, ""),
            ({"end": "a", "prefix": "b"}, ""),
            ({"start": "c", "prefix": "b"}, ""),
            ({"end": ""}, ""),
        ],
    )
    def test_ranges(self, storage, options, expected):
        fill(storage, *self.NAMES)
        assert keys(storage, **options) == expected.split()

    def test_a_prefix_of_the_highest_bytes_has_no_end(self):
        assert KvRange.of(prefix="\udfff").end is not None
        assert KvRange.of(prefix="\U0010ffff").end == b"\xf4\x8f\xbf\xc0"


class TestIterator:
    def read(self, iterator, count):
        return [row and row[0] for row in (iterator.next() for _ in range(count))]

    def test_it_ends_and_stays_at_its_end(self, storage):
        fill(storage, "a", "b")
        assert self.read(storage.kv.iterate(KvRange.of()), 4) == ["a", "b", None, None]

    def test_it_sees_what_changes_ahead_of_it(self, storage):
        fill(storage, "a", "b", "c")
        iterator = storage.kv.iterate(KvRange.of())
        assert self.read(iterator, 1) == ["a"]
        storage.kv.delete("b")
        fill(storage, "aa")
        assert self.read(iterator, 3) == ["aa", "c", None]

    def test_it_does_so_in_reverse(self, storage):
        fill(storage, "a", "b", "c")
        iterator = storage.kv.iterate(KvRange.of(reverse=True))
        assert self.read(iterator, 1) == ["c"]
        storage.kv.delete("b")
        fill(storage, "aa")
        assert self.read(iterator, 3) == ["aa", "a", None]

    def test_it_honours_a_limit_and_survives_a_commit(self, storage):
        fill(storage, "a", "b", "c")
        iterator = storage.kv.iterate(KvRange.of(limit=2, start="b"))
        assert self.read(iterator, 1) == ["b"]
        storage.commit()
        assert self.read(iterator, 2) == ["c", None]

    @pytest.mark.parametrize("method", ["list", "iterate"])
    def test_another_listing_invalidates_it(self, storage, method):
        fill(storage, "a", "b")
        iterator = storage.kv.iterate(KvRange.of())
        iterator.next()
        getattr(storage.kv, method)(KvRange.of(start="zz"))
        for _ in range(2):
            with pytest.raises(JsException) as caught:
                iterator.next()
            assert str(caught.value) == (
                "Error: kv.list() iterator was invalidated because a new call to kv.list() was "
                "started. Only one kv.list() iterator can exist at a time."
            )

    @pytest.mark.parametrize("method", ["list", "iterate"])
    def test_a_listing_that_must_be_empty_does_not(self, storage, method):
        fill(storage, "a", "b")
        iterator = storage.kv.iterate(KvRange.of())
        getattr(storage.kv, method)(KvRange.of(start="b", end="a"))
        assert self.read(iterator, 1) == ["a"]

    def test_at_its_end_nothing_invalidates_it(self, storage):
        fill(storage, "a", "b")
        iterator = storage.kv.iterate(KvRange.of(limit=1))
        assert self.read(iterator, 2) == ["a", None]
        storage.kv.list(KvRange.of())
        storage.delete_all(keep_alarm=False)
        assert iterator.next() is None

    def test_after_delete_all_it_fails(self, storage):
        fill(storage, "a", "b")
        iterator = storage.kv.iterate(KvRange.of())
        iterator.next()
        storage.delete_all(keep_alarm=False)
        with pytest.raises(JsException, match=INTERNAL):
            iterator.next()

    def test_it_survives_a_rollback(self, storage):
        fill(storage, "a", "b")
        storage.commit()
        iterator = storage.kv.iterate(KvRange.of())
        iterator.next()
        with pytest.raises(ZeroDivisionError):
            storage.transaction_sync(lambda: (fill(storage, "aa"), 1 / 0))
        assert self.read(iterator, 2) == ["b", None]


NAME = st.text(
    alphabet=st.sampled_from(["a", "b", "\0", "é", "\uffff", "\ud800", "😀"]), max_size=3
)
STEP = st.one_of(
    st.tuples(st.just("put"), NAME, st.binary(max_size=3)),
    st.tuples(st.just("delete"), NAME),
    st.tuples(st.just("commit")),
    st.tuples(st.just("rollback")),
    st.tuples(st.just("evict")),
    st.tuples(
        st.just("list"),
        st.fixed_dictionaries(
            {},
            optional={
                "start": NAME,
                "start_after": NAME,
                "end": NAME,
                "prefix": NAME,
                "reverse": st.booleans(),
                "limit": st.integers(1, 4),
            },
        ),
    ),
)


def expected_list(
    model, *, start=None, start_after=None, end=None, prefix="", reverse=False, limit=None
):
    low = "" if start is None else start
    found = [
        (key, value)
        for key, value in sorted(model.items(), key=lambda item: [ord(c) for c in item[0]])
        if key.startswith(prefix)
        and (end is None or key < end)
        and (key > start_after if start_after is not None else key >= low)
    ]
    return (found[::-1] if reverse else found)[:limit]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEP, max_size=25))
def test_it_is_a_dictionary(make_storage, steps):
    storage = make_storage()
    storage.delete_all(keep_alarm=False)
    storage.commit()
    model: dict[str, bytes] = {}
    committed: dict[str, bytes] = {}
    for step in steps:
        match step:
            case ("put", key, value):
                storage.kv.put(key, value)
                model[key] = value
            case ("delete", key):
                assert storage.kv.delete(key) == (model.pop(key, None) is not None)
            case ("commit",):
                storage.commit()
                committed = dict(model)
            case ("rollback",):
                storage.rollback()
                model = dict(committed)
            case ("evict",):
                storage.close()
                storage = make_storage()
                model = dict(committed)
            case ("list", options):
                expected = expected_list(model, **options)
                assert storage.kv.list(KvRange.of(**options)) == [
                    (handed_out(key), value) for key, value in expected
                ]
    assert {key: storage.kv.get(key) for key in model} == model
    storage.close()
