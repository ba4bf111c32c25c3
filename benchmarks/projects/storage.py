"""Objects that keep a counter or rows, called by RPC."""

from urllib.parse import parse_qs, urlsplit

from workers import DurableObject, Response, WorkerEntrypoint

CREATE = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)"


class Store(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.has_table = False

    async def count(self):
        storage = self.ctx.storage
        number = (await storage.get("number") or 0) + 1
        await storage.put("number", number)
        return number

    async def note(self, text):
        sql = self.ctx.storage.sql
        if not self.has_table:
            sql.exec(CREATE)
            self.has_table = True
        sql.exec("INSERT INTO notes (text) VALUES (?)", text)
        return sql.exec("SELECT id, text FROM notes ORDER BY id DESC LIMIT 1").one()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        stub = self.env.STORE.getByName(parse_qs(url.query)["id"][0])
        if url.path == "/note":
            row = await stub.note("a note of some forty characters, no more.")
            return Response(str(row["id"]))
        return Response(str(await stub.count()))
