"""Keys and values against a dictionary: random batches, evictions, aborts, rollbacks, ranges."""

from __future__ import annotations

import random

import pytest

from tests.storage_runtime.inside import inside, inside_worker, raw, rejected

pytestmark = inside_worker()

STEPS = 150
SEEDS = range(12)
LETTERS = ["a", "b", "é", "\uffff", "😀", "日", "\0", ""]


class Undo(Exception):
    """Ends a transaction badly."""


class Model:
    """What must be stored: `committed` survives an abort, `now` is what is read."""

    def __init__(self, dice):
        self.dice = dice
        self.committed = {}
        self.now = {}

    def key(self):
        return "".join(self.dice.choices(LETTERS, k=self.dice.randint(0, 3)))

    def value(self):
        return self.dice.choice([self.dice.randint(-(2**31), 2**31), "text", None, [1, {"a": 2}]])

    def listed(self, options):
        """What list(options) must give."""
        keys = sorted(self.now, key=lambda key: key.encode())
        start, after = options.get("start"), options.get("startAfter")
        end, prefix = options.get("end"), options.get("prefix", "")
        found = [
            key
            for key in keys
            if key.startswith(prefix)
            and (start is None or key.encode() >= start.encode())
            and (after is None or key.encode() > after.encode())
            and (end is None or key.encode() < end.encode())
        ]
        if options.get("reverse"):
            found.reverse()
        return [(key, self.now[key]) for key in found[: options.get("limit")]]

    def options(self):
        chosen = {name: self.key() for name in ("end", "prefix") if self.dice.random() < 0.3}
        if self.dice.random() < 0.5:
            chosen[self.dice.choice(["start", "startAfter"])] = self.key()
        if self.dice.random() < 0.3:
            chosen["limit"] = self.dice.randint(1, 5)
        return chosen | {"reverse": self.dice.random() < 0.5}


async def write(box, model):
    """One random write, done to the model too."""
    storage, dice = box.ctx.storage, model.dice
    match dice.randrange(6):
        case 0:
            key, value = model.key(), model.value()
            await storage.put(key, value, allowUnconfirmed=dice.random() < 0.3)
            model.now[key] = value
        case 1:
            pairs = {model.key(): model.value() for _ in range(dice.randint(0, 4))}
            await storage.put(pairs)
            model.now |= pairs
        case 2:
            key = model.key()
            assert await storage.delete(key) == (model.now.pop(key, Undo) is not Undo)
        case 3:
            keys = [model.key() for _ in range(dice.randint(0, 4))]
            existing = set(keys) & set(model.now)
            assert await storage.delete(keys) == len(existing)
            for key in existing:
                del model.now[key]
        case 4:
            key, value = model.key(), model.value()
            storage.kv.put(key, value)
            model.now[key] = value
        case _:
            if dice.random() < 0.1:
                await storage.deleteAll()
                model.now = {}
                model.committed = {}  # the file itself is gone, an abort does not bring it back


async def read(box, model):
    storage, dice = box.ctx.storage, model.dice
    key = model.key()
    assert await storage.get(key) == model.now.get(key)
    keys = [model.key() for _ in range(dice.randint(0, 5))]
    found = await storage.get(keys)
    assert dict(found) == {key: model.now[key] for key in set(keys) & set(model.now)}
    assert list(found) == sorted(found, key=lambda key: key.encode())
    options = model.options()
    assert list((await storage.list(**options)).items()) == model.listed(options)
    assert [tuple(pair) for pair in storage.kv.list(**options)] == model.listed(options)


async def transact(box, model):
    """Random writes in a transaction that may end badly."""
    before, fails = dict(model.now), model.dice.random() < 0.5

    async def inner(txn):
        for _ in range(model.dice.randint(0, 3)):
            key, value = model.key(), model.value()
            await txn.put(key, to_storable(value))
            model.now[key] = value
        if fails:
            raise Undo

    await rejected(raw(box).transaction(inner))
    if fails:
        model.now = before
    model.committed = dict(model.now)


def to_storable(value):
    from js import Object
    from pyodide.ffi import jsnull, to_js

    return jsnull if value is None else to_js(value, dict_converter=Object.fromEntries)


def transact_at_once(box, model):
    before, fails = dict(model.now), model.dice.random() < 0.5

    def inner():
        for _ in range(model.dice.randint(0, 3)):
            key, value = model.key(), model.value()
            box.ctx.storage.kv.put(key, value)
            model.now[key] = value
        if fails:
            raise Undo

    try:
        box.ctx.storage.transactionSync(inner)
    except Undo:
        model.now = before


async def event(box, model):
    """One event: a random batch of everything. Whether it aborted."""
    dice = model.dice
    for _ in range(dice.randint(1, 6)):
        match dice.randrange(8):
            case 0 | 1 | 2:
                await write(box, model)
            case 3 | 4:
                await read(box, model)
            case 5:
                await transact(box, model)
            case 6:
                transact_at_once(box, model)
            case _:
                await box.ctx.storage.sync()
                model.committed = dict(model.now)
    if dice.random() < 0.1:
        model.now = dict(model.committed)
        box.ctx.abort()


@pytest.mark.parametrize("seed", SEEDS)
async def test_storage_is_a_dictionary_that_survives(durable, seed):
    model = Model(random.Random(seed))
    for _ in range(STEPS // 5):
        await rejected(inside(durable, "a", lambda box: event(box, model)))
        model.committed = dict(model.now)
        if model.dice.random() < 0.3:
            await durable.evict_all()
    await inside(durable, "a", lambda box: read(box, model))
