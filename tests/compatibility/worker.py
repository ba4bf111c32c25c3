"""An object that does what a test tells it, so that tests can look from the inside.

`run(source)` runs the body of an async function inside the object. `hook(name, source)` keeps a body
for a handler; hooks are module globals, so they outlive the instance, as does `seen`, the list of
what happened.
"""

import textwrap

import js
import workers
from js import JSON, Object, WebSocketPair
from pyodide.ffi import JsException, create_proxy, jsnull, to_js
from workers import DurableObject, Response, WorkerEntrypoint

NAMES = (js, workers, JSON, Object, WebSocketPair, JsException, create_proxy, jsnull, to_js)
hooks = {}
seen = []


def plain(members):
    """A plain JavaScript object."""
    return to_js(members, dict_converter=Object.fromEntries)


def pair():
    return WebSocketPair.new().object_values()


def refusals(*calls):
    """What each call is refused with, or "ok"."""
    found = []
    for call in calls:
        try:
            call()
        except Exception as exc:
            found.append(describe(exc))
        else:
            found.append("ok")
    return found


async def rejections(*calls):
    """The same for calls that give something to await."""
    found = []
    for call in calls:
        try:
            await call()
        except Exception as exc:
            found.append(describe(exc))
        else:
            found.append("ok")
    return found


def describe(exc):
    if isinstance(exc, JsException):
        return f"{exc.name}: {exc.message}"
    return f"Python's {type(exc).__name__}: {exc}"


async def execute(source, **names):
    space = {**globals(), **names}
    exec(f"async def body():\n{textwrap.indent(source, '    ')}\n", space)
    return await space["body"]()


class Probe(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        seen.append(("constructed", len(self.ctx.getWebSockets())))
        if "constructor" in hooks:
            exec(hooks["constructor"], {**globals(), "self": self, "ctx": self.ctx})

    async def _do(self, source, **names):
        ctx = self.ctx
        return await execute(
            source, self=self, ctx=ctx, env=self.env, storage=ctx.storage, raw=ctx._ctx, **names
        )

    async def run(self, source):
        """The repr of what the body returns, or the error that it raises."""
        try:
            return repr(await self._do(source))
        except Exception as exc:
            return describe(exc)

    async def call(self, source):
        return await self._do(source)

    async def hook(self, name, source):
        hooks[name] = source

    async def seen(self):
        return [list(entry) for entry in seen]

    async def forget(self):
        seen.clear()

    def echo(self, value=None):
        return value

    async def fetch(self, request):
        if "fetch" in hooks:
            return await self._do(hooks["fetch"], request=request)
        client, server = pair()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def alarm(self, info):
        seen.append(("alarm", info.retryCount, info.isRetry))
        if "alarm" in hooks:
            await self._do(hooks["alarm"], info=info)

    async def webSocketMessage(self, ws, message):
        seen.append(("message", message if isinstance(message, str) else message.to_bytes()))
        if "message" in hooks:
            await self._do(hooks["message"], ws=ws, message=message)

    async def webSocketClose(self, ws, code, reason, wasClean):
        listed = len(self.ctx.getWebSockets())
        seen.append(("close", code, reason, wasClean, ws.readyState, listed))
        if "close" in hooks:
            await self._do(hooks["close"], ws=ws, code=code, reason=reason)

    async def webSocketError(self, ws, error):
        seen.append(("error", error.message, ws.readyState))


class Other(DurableObject):
    def echo(self, value=None):
        return value


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.PROBE.getByName("a").fetch(request)
