from __future__ import annotations

from emulator.cli.output import binding_table
from emulator.core.config import Binding, Config


def test_the_table_is_wrangler_s() -> None:
    """spec: peers §6; widths compared with what wrangler 4.86 prints."""
    config = Config(
        main="w.py",
        bindings=(
            Binding(name="COUNTER", class_name="Counter"),
            Binding(name="X", class_name="Ext", script_name="other"),
        ),
        vars={
            "GREETING": "hi",
            "NUM": 3,
            "LONG": 'a " long string that goes on and on until the end of time',
            "TREE": {"a": [1, 2], "b": {"c": "é"}},
            "YES": True,
        },
    )
    assert binding_table(config).splitlines() == [
        "Your Worker has access to the following bindings:",
        "Binding                                                        Resource                  Mode",
        "env.COUNTER (Counter)                                          Durable Object            local",
        "env.X (Ext, defined in other)                                  Durable Object            "
        "local [not connected]",
        'env.GREETING ("hi")                                            Environment Variable      local',
        "env.NUM (3)                                                    Environment Variable      local",
        'env.LONG ("a " long string that goes on and on u...")          Environment Variable      local',
        'env.TREE ({"a":[1,2],"b":{"c":"é"}})                           Environment Variable      local',
        "env.YES (true)                                                 Environment Variable      local",
    ]


def test_no_bindings_is_said() -> None:
    assert binding_table(Config(main="w.py")) == "No bindings found."
