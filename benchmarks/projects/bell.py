"""An object that rings and sets its next alarm, for the `testing` workload."""

from js import Date
from workers import DurableObject, Response, WorkerEntrypoint


class Bell(DurableObject):
    async def start(self, every_s, times):
        await self.ctx.storage.put({"every_s": every_s, "left": times})
        await self.ctx.storage.setAlarm(Date.now() + every_s * 1000)

    async def alarm(self, info):
        left = await self.ctx.storage.get("left") - 1
        await self.ctx.storage.put("left", left)
        if left:
            await self.ctx.storage.setAlarm(
                Date.now() + await self.ctx.storage.get("every_s") * 1000
            )

    async def add(self):
        value = (await self.ctx.storage.get("value") or 0) + 1
        await self.ctx.storage.put("value", value)
        return value


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("bell")
