// The twin of benchmarks/projects/quiet.py, for workerd.
import { DurableObject } from "cloudflare:workers";

export class Quiet extends DurableObject {
  async fetch() {
    const [client, server] = Object.values(new WebSocketPair());
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  webSocketMessage(ws, text) {
    const message = JSON.parse(text);
    if (message.type === "ping") {
      ws.send(JSON.stringify({ type: "pong", timestamp: Date.now() }));
    } else {
      const news = JSON.stringify({ type: "broadcast", data: message.data });
      for (const other of this.ctx.getWebSockets()) {
        if (other !== ws) other.send(news);
      }
    }
  }

  webSocketClose(ws, code, reason) {
    if (code === 1000) ws.close(code, reason);
  }
}

export default {
  async fetch(request, env) {
    const name = new URL(request.url).searchParams.get("id");
    return env.QUIET.getByName(name).fetch(request);
  },
};
