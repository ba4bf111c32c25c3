"""The front door: files, turns, failures, deleteAll. spec storage §3.5, §4.2, §4.6, §7.1."""

from __future__ import annotations

import apsw
import pytest

from emulator.core.values.errors import JsException
from emulator.storage.actor_sqlite import ActorSqlite
from emulator.storage.database import Durability, fresh_file
from emulator.storage.errors import StorageClosedError
from emulator.storage.kv import KvRange

INTERNAL = r"^Error: internal error; reference = r{24}$"


class TestFile:
    def test_nothing_is_on_disk_before_it_is_asked_for(self, storage):
        assert not storage.exists_on_disk

    def test_a_constructed_object_has_the_platforms_empty_file(self, storage):
        storage.create()
        storage.create()
        assert storage.path.read_bytes() == fresh_file()
        assert not storage.is_open

    def test_reading_makes_it_too(self, storage):
        assert storage.kv.get("a") is None
        assert storage.path.stat().st_size == 4096

    def test_after_the_end_only_the_database_is_left(self, storage, tmp_path):
        storage.kv.put("a", b"1")
        storage.commit()
        assert (tmp_path / "object.sqlite-wal").exists()
        storage.close()
        assert [path.name for path in tmp_path.iterdir()] == ["object.sqlite"]

    def test_another_library_reads_it(self, storage):
        storage.kv.put("a", b"1")
        storage.exec("CREATE TABLE t(a); INSERT INTO t VALUES (5)")
        storage.commit()
        storage.close()
        connection = apsw.Connection(str(storage.path))
        assert connection.execute("SELECT * FROM _cf_KV").fetchall() == [("a", b"1")]
        assert connection.execute("SELECT * FROM t").get == 5
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        connection.close()

    @pytest.mark.parametrize("is_missing", [False, True])
    def test_what_the_death_of_the_machine_leaves_of_a_new_file_is_enough(
        self, make_storage, tmp_path, is_missing
    ):
        """The first commit is on disk in the log; of the file itself perhaps nothing is."""
        storage = make_storage()
        storage.kv.put("a", b"1")
        storage.commit()
        log = (tmp_path / "object.sqlite-wal").read_bytes()
        (tmp_path / "dead.sqlite-wal").write_bytes(log)
        if not is_missing:
            (tmp_path / "dead.sqlite").touch()
        dead = make_storage("dead")
        dead.create()
        assert dead.kv.get("a") == b"1"
        dead.kv.put("b", b"2")
        dead.commit()
        dead.close()
        assert make_storage("dead").kv.get("a") == b"1"

    def test_a_storage_that_ended_stays_ended(self, storage):
        storage.close()
        storage.close()
        with pytest.raises(StorageClosedError, match="closed with the instance"):
            storage.kv.get("a")


class TestBrokenFiles:
    @pytest.mark.parametrize("what", ["folder", "garbage"])
    def test_they_are_internal_errors(self, make_storage, tmp_path, what):
        path = tmp_path / "object.sqlite"
        path.mkdir() if what == "folder" else path.write_bytes(b"no database" * 1000)
        storage = make_storage()
        for use in (
            lambda: storage.kv.get("a"),
            lambda: storage.kv.put("a", b""),
            lambda: storage.exec("SELECT 1"),
            storage.get_alarm_ns,
        ):
            with pytest.raises(JsException, match=INTERNAL):
                use()
        assert not storage.is_dirty

    def test_a_folder_in_the_files_place_fails_at_construction(self, make_storage, tmp_path):
        (tmp_path / "missing").touch()
        storage = make_storage("missing/object")
        with pytest.raises(JsException, match=INTERNAL):
            storage.create()

    def test_delete_all_repairs_a_corrupt_file(self, make_storage, tmp_path):
        (tmp_path / "object.sqlite").write_bytes(b"no database" * 1000)
        storage = make_storage()
        storage.delete_all(keep_alarm=True)
        storage.kv.put("a", b"1")
        storage.commit()
        assert storage.kv.get("a") == b"1"


class TestTurn:
    def test_the_first_write_opens_it_once(self, storage, turn):
        assert not storage.is_dirty
        storage.kv.get("a")
        storage.exec("SELECT 1")
        assert turn.opened == 0
        storage.kv.put("a", b"")
        storage.exec("CREATE TABLE t(a)")
        storage.set_alarm_ns(5)
        assert (storage.is_dirty, turn.opened) == (True, 1)
        storage.commit()
        assert not storage.is_dirty
        storage.kv.delete("a")
        assert turn.opened == 2

    def test_a_commit_without_one_does_nothing(self, storage):
        storage.commit()
        assert not storage.is_open

    def test_a_rollback_undoes_the_turn_and_no_more(self, storage):
        storage.kv.put("a", b"1")
        storage.commit()
        storage.kv.put("a", b"2")
        storage.set_alarm_ns(5)
        storage.exec("CREATE TABLE t(a)")
        storage.rollback()
        storage.rollback()
        assert storage.kv.get("a") == b"1"
        assert storage.get_alarm_ns() is None
        assert storage.exec("SELECT count(*) FROM sqlite_master").one() == (1,)

    def test_closing_undoes_it_too(self, make_storage):
        storage = make_storage()
        storage.kv.put("a", b"1")
        storage.close()
        assert make_storage().kv.get("a") is None

    @pytest.mark.parametrize("durability", list(Durability))
    def test_every_durability_keeps_what_was_committed(self, make_storage, durability):
        storage = make_storage(durability=durability)
        storage.kv.put("a", b"1")
        storage.commit()
        storage.close()
        assert make_storage(durability=durability).kv.get("a") == b"1"


class TestDeleteAll:
    def fill(self, storage):
        storage.kv.put("a", b"1")
        storage.exec("CREATE TABLE t(a)")
        storage.set_alarm_ns(5)
        storage.commit()

    def names(self, storage):
        return [row[0] for row in storage.exec("SELECT name FROM sqlite_master").rows()]

    def test_everything_is_gone_the_alarm_too(self, storage, turn):
        self.fill(storage)
        opened = turn.opened
        storage.delete_all(keep_alarm=False)
        assert storage.get_alarm_ns() is None
        assert self.names(storage) == []
        assert (storage.is_dirty, storage.is_alarm_changed) == (True, True)
        assert turn.opened == opened + 1
        storage.commit()
        assert self.names(storage) == []

    def test_the_alarm_can_be_kept_and_is_on_disk_at_once(self, storage, make_storage):
        self.fill(storage)
        storage.delete_all(keep_alarm=True)
        assert self.names(storage) == ["_cf_METADATA"]
        storage.close()
        assert make_storage().get_alarm_ns() == 5

    def test_there_may_be_no_alarm_to_keep(self, storage):
        storage.kv.put("a", b"")
        storage.delete_all(keep_alarm=True)
        assert self.names(storage) == []

    def test_writes_before_it_are_lost_and_those_after_stay(self, storage, turn):
        self.fill(storage)
        storage.kv.put("before", b"")
        opened = turn.opened
        storage.delete_all(keep_alarm=False)
        storage.kv.put("after", b"")
        assert turn.opened == opened  # the commit that is scheduled finds this transaction
        storage.commit()
        assert [key for key, _ in storage.kv.list(KvRange.of())] == ["after"]

    def test_it_is_durable_before_the_commit(self, storage, make_storage):
        self.fill(storage)
        storage.delete_all(keep_alarm=False)
        storage.kv.put("after", b"")
        storage.close()
        assert make_storage().kv.list(KvRange.of()) == []

    def test_its_reference_is_passed_in(self, tmp_path):
        storage = ActorSqlite(
            tmp_path / "none" / "a.sqlite",
            durability=Durability.OFF,
            on_first_write=lambda: None,
            sql_enabled=True,
            reference=lambda: "abc",
        )
        with pytest.raises(JsException, match="reference = abc"):
            storage.create()
