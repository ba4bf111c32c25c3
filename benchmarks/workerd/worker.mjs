// The twin of objects/worker.py and objects/websocket_server.py, for workerd.
import { DurableObject } from "cloudflare:workers";

const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class WebSocketServer extends DurableObject {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/websocket/stats") return Response.json(this.stats());
    const [client, server] = Object.values(new WebSocketPair());
    const id = crypto.randomUUID();
    this.ctx.acceptWebSocket(server);
    server.serializeAttachment({ id, connectedAt: Date.now() });
    const totalConnections = this.open().length;
    this.send(server, { type: "connected", id, message: "Welcome to WebSocket server", totalConnections });
    this.sendOthers(server, { type: "user_connected", data: { id, totalConnections } });
    return new Response(null, { status: 101, webSocket: client });
  }

  webSocketMessage(ws, frame) {
    let message;
    try {
      message = JSON.parse(typeof frame === "string" ? frame : TEXT.decode(frame));
    } catch {
      this.send(ws, { type: "error", message: "Invalid JSON message" });
      return;
    }
    const type = message === null || typeof message !== "object" ? undefined : message.type;
    if (type === "ping") {
      this.send(ws, { type: "pong", timestamp: Date.now() });
    } else if (type === "broadcast") {
      this.sendOthers(ws, { type: "broadcast", data: message.data });
    } else if (type === "get_stats") {
      const { id, connectedAt } = ws.deserializeAttachment();
      const totalConnections = this.open().length;
      this.send(ws, { type: "stats", data: { totalConnections, yourId: id, connectedAt } });
    } else {
      this.send(ws, { type: "echo", data: message, receivedAt: Date.now() });
    }
  }

  webSocketClose(ws, code, reason) {
    if (code === 1005) ws.close();
    else if (code !== 1006) ws.close(code, reason);
    this.goodbye(ws);
  }

  webSocketError(ws) {
    this.goodbye(ws);
  }

  goodbye(ws) {
    const { id } = ws.deserializeAttachment();
    const totalConnections = this.open().filter((other) => other !== ws).length;
    this.sendOthers(ws, { type: "user_disconnected", data: { id, totalConnections } });
  }

  open() {
    return this.ctx.getWebSockets().filter((ws) => ws.readyState === WebSocket.OPEN);
  }

  stats() {
    const connections = this.open().reverse().map((ws) => ws.deserializeAttachment());
    return { totalConnections: connections.length, connections };
  }

  send(ws, message) {
    ws.send(JSON.stringify(message));
  }

  sendOthers(sender, message) {
    const text = JSON.stringify(message);
    for (const ws of this.open()) {
      if (ws === sender) continue;
      try {
        ws.send(text);
      } catch {
        // One client that is gone does not keep the message from the others.
      }
    }
  }
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/ws" && request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
      return new Response("Expected Upgrade: websocket", { status: 426 });
    }
    if (url.pathname !== "/ws" && url.pathname !== "/websocket/stats") {
      return new Response("Not Found", { status: 404 });
    }
    const name = url.searchParams.get("id") || "default";
    return env.WEBSOCKET_SERVER.getByName(name).fetch(request);
  },
};
