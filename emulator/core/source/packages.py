"""Whether a package can be deployed: Pyodide has a build of it, or it is Python alone.

Source: `pyodide_packages`; wheels without compiled code run everywhere.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from emulator.core.source.names import imported_modules
from emulator.core.source.pyodide_packages import PYODIDE_PACKAGES

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Collection

    from emulator.core.source.findings import Findings

__all__ = ["Installed", "check_packages", "has_build", "is_refused", "normalized"]

# Compiled, often used, and without a build: told even where they are not installed.
_COMPILED: Final = frozenset(
    """
    aiodns aiokafka apsw brotlicffi cassandra-driver confluent-kafka cupy cx-oracle
    fasttext gevent greenlet grpcio grpcio-tools httptools jax jaxlib
    llvmlite mysql-connector-python netifaces numba oracledb onnxruntime psutil psycopg2
    psycopg2-binary pycares pycurl pymssql pyodbc pyqt5 pyqt6 pyside6 pyzmq ray rocksdb
    setproctitle spacy tensorflow tokenizers torch torchaudio torchvision uvloop vllm watchdog
    watchfiles
    """.split()  # noqa: SIM905 - a table
)
# What the platform provides, and what only exists on this machine.
_PLATFORM: Final = frozenset(
    {"workers", "js", "pyodide", "pyodide_js", "_pyodide", "_pyodide_core"}
)
_LOCAL_ONLY: Final = frozenset({"emulator", "pytest", "_pytest"})


class Installed(NamedTuple):
    """A package as it is installed here. `compiled` is one of its compiled files, if it has any."""

    package: str
    compiled: str | None


def normalized(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def has_build(package: str) -> bool:
    """Whether Pyodide has a build of a package."""
    name = normalized(package)
    return any(entry.partition(":")[0] == name for entry in PYODIDE_PACKAGES)


def is_refused(package: str, compiled: str | None) -> bool:
    """Whether a package will not run; `compiled` is one of its compiled files, if known."""
    if has_build(package):
        return False
    return compiled is not None or normalized(package) in _COMPILED


def check_packages(
    tree: ast.Module,
    findings: Findings,
    *,
    own: Collection[str],
    installed: Callable[[str], Installed | None],
) -> None:
    """Report imports of packages that cannot be deployed.

    Args:
        own: the modules of the project itself.
        installed: the package that a top-level module belongs to, if it is installed.
    """
    for statement, name in imported_modules(tree):
        top = name.partition(".")[0]
        if top in own or top in _PLATFORM or top in sys.stdlib_module_names:
            continue
        if top in _LOCAL_ONLY:
            findings.error(
                statement,
                f"import {top}: it is part of this machine's tools and is not deployed",
                "Keep it out of the worker; tests may use it.",
            )
            continue
        package, compiled = installed(top) or (_package_of(top), None)
        if not is_refused(package, compiled):
            continue
        what = f" ({compiled})" if compiled else ""
        findings.error(
            statement,
            f"import {top}: the package {package} has compiled code{what} and Pyodide has no build "
            "of it",
            "Use a package that is Python alone, or one that Pyodide has; or ask another service "
            "with fetch().",
        )


def _package_of(module: str) -> str:
    """The package that a module that is not installed most likely belongs to."""
    for entry in PYODIDE_PACKAGES:
        package, _, modules = entry.partition(":")
        if module in modules.split(","):
            return package
    return module
