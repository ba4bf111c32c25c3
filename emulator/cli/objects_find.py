"""From what people type to the objects that they mean."""

from __future__ import annotations

import re
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from emulator.cli.state_api import ObjectsError
from emulator.cli.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.cli.state_api import Answer, StateApi

__all__ = ["Found", "Objects"]

type Json = Any

PAGE: Final = 1000
_OBJECT_ID: Final = re.compile(r"[0-9a-fA-F]{64}\Z")


class Found:
    """One object."""

    def __init__(self, api: StateApi, namespace: Json, object_id: str, name: str | None) -> None:
        self._api = api
        self.namespace: str = namespace["id"]
        self.id = object_id
        self.title = f"{safe(namespace['class'])} {safe(name) if name else object_id}"
        self._path = f"/local/objects/{urllib.parse.quote(self.namespace, safe='')}/{object_id}"

    def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Json = None
    ) -> Answer:
        """Raises: ObjectsError."""
        return self._api.ask(method, self._path + path, query, body=body)

    def entries(self, prefix: str = "") -> list[Json]:
        """Every key with its value."""
        entries: list[Json] = []
        cursor = ""
        while True:
            query = {"prefix": prefix, "limit": str(PAGE), "cursor": cursor}
            page = self.ask("GET", "/kv", query)
            entries += page.result
            cursor = page.info["cursor"]
            if not cursor:
                return entries


class Objects:
    """The objects behind an API. Everything may raise ObjectsError."""

    def __init__(self, api: StateApi) -> None:
        self._api = api

    def namespaces(self) -> list[Json]:
        found: list[Json] = self._api.ask("GET", "/workers/durable_objects/namespaces").result
        return found

    def namespace(self, name: str) -> Json:
        """The namespace of a class, of a binding, or by its own name."""
        known = self.namespaces()
        for field in ("id", "class", "binding"):
            matching = [namespace for namespace in known if namespace[field] == name]
            if len(matching) == 1:
                return matching[0]
            if matching:
                ids = ", ".join(safe(namespace["id"]) for namespace in matching)
                raise ObjectsError(f"{safe(name)} is one of {ids}: name that.")
        classes = ", ".join(sorted({safe(namespace["class"]) for namespace in known}))
        raise ObjectsError(f"There is no class {safe(name)}. There are: {classes or 'none'}.")

    def listed(self, class_name: str | None = None) -> list[Json]:
        """Summaries."""
        query = {"limit": str(PAGE)}
        if class_name:
            query["namespace"] = self.namespace(class_name)["id"]
        found: list[Json] = []
        while True:
            page = self._api.ask("GET", "/local/objects", query)
            found += page.result
            if not page.info["cursor"]:
                return found
            query["cursor"] = page.info["cursor"]

    def find(self, class_name: str, ref: str) -> Found:
        """The object by its name or id."""
        namespace = self.namespace(class_name)
        path = f"/local/lookup/{urllib.parse.quote(namespace['id'], safe='')}"
        by_name = self._api.ask("GET", path, {"name": ref}).result
        if by_name["exists"]:
            return Found(self._api, namespace, by_name["id"], ref)
        if _OBJECT_ID.match(ref):
            return Found(self._api, namespace, ref.lower(), None)
        raise ObjectsError(f"{safe(namespace['class'])} has no object {safe(ref)}.")

    def export(self, class_name: str | None, refs: Sequence[str]) -> tuple[bytes, int]:
        """The file, and how many objects are in it."""
        if not class_name:
            content = self._api.ask("GET", "/local/export").content
            return content, len(self._stored(None))
        namespace = self.namespace(class_name)["id"]
        if not refs:
            content = self._api.ask("GET", "/local/export", {"namespace": namespace}).content
            return content, len(self._stored(class_name))
        ids = [self.find(class_name, ref).id for ref in refs]
        query = [("namespace", namespace), *(("id", object_id) for object_id in ids)]
        return self._api.ask("GET", "/local/export", query).content, len(ids)

    def _stored(self, class_name: str | None) -> Sequence[Json]:
        return [one for one in self.listed(class_name) if one["size_bytes"]]

    def take(self, content: bytes, *, replace: bool) -> list[Json]:
        """Import."""
        query = {"replace": "1"} if replace else {}
        answer = self._api.ask("POST", "/local/import", query, content=content)
        taken: list[Json] = answer.result["imported"]
        return taken
