"""A worker that answers itself, or has an object answer."""

from workers import DurableObject, Response, WorkerEntrypoint


class Thing(DurableObject):
    async def fetch(self, request):
        return Response("hello from the object")

    async def nothing(self):
        return 1

    async def put(self):
        await self.ctx.storage.put("key", "value")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if "/object" in request.url:
            return await self.env.THING.getByName("a").fetch(request.js_object)
        return Response("hello from the worker")
