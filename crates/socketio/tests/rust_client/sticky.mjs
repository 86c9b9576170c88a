// Two of npm's servers behind a balancer, which tells clients by a cookie which of them has their session, and refuses whoever
// does not say it. A WebSocket is told as well.

import { createServer, request as forward } from "node:http";
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { require } from "../clients/npm.mjs";
import { app } from "../clients/reference_app.mjs";

const { Server } = require("socket.io");
const { values } = parseArgs({ options: { port: { type: "string" } } });

const listening = (server, port) => new Promise((resolve) => {
  // Node closes a connection that was quiet for 5 seconds, and a slow client may be about to use it.
  server.keepAliveTimeout = 120_000;
  server.listen(port, "127.0.0.1", () => resolve(server.address().port));
});

const ports = await Promise.all([0, 1].map((node) => {
  const http = createServer();
  const io = new Server(http, { serveClient: false });
  app(io, () => process.exit(0));
  io.on("connection", (socket) => socket.on("node", (ack) => ack(node)));
  return listening(http, 0);
}));

// To which server a request goes, and the cookie that says so if there is none. Nothing for a session of nobody knows which.
let next = 0;
const choose = ({ headers, url }) => {
  const known = /(?:^|; )node=([01])(?:;|$)/.exec(headers.cookie ?? "");
  if (known) return { port: ports[known[1]], cookie: [] };
  if (new URL(url, "http://balancer").searchParams.has("sid")) return undefined;
  const node = next++ % ports.length;
  return { port: ports[node], cookie: [`node=${node}; Path=/; HttpOnly; Max-Age=600`] };
};

const balancer = createServer((request, response) => {
  const chosen = choose(request);
  if (!chosen) return response.writeHead(400).end("no cookie");
  const { method, url: path, headers } = request;
  const up = forward({ host: "127.0.0.1", port: chosen.port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode, { ...answer.headers, "set-cookie": chosen.cookie });
    answer.pipe(response);
  });
  up.on("error", () => response.destroy());
  response.on("close", () => up.destroy());
  request.pipe(up);
});

balancer.on("upgrade", (request, socket, rest) => {
  const chosen = choose(request);
  if (!chosen) return socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  const up = connect(chosen.port, "127.0.0.1", () => {
    const lines = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}\r\n`);
    }
    up.write(`GET ${request.url} HTTP/1.1\r\n${lines.join("")}\r\n`);
    up.write(rest);
    socket.pipe(up);
  });
  // The status line comes in one piece.
  up.once("data", (data) => {
    const end = data.indexOf("\r\n") + 2;
    socket.write(data.subarray(0, end));
    for (const cookie of chosen.cookie) socket.write(`Set-Cookie: ${cookie}\r\n`);
    socket.write(data.subarray(end));
    up.pipe(socket);
  });
  for (const [one, other] of [[up, socket], [socket, up]]) {
    one.on("error", () => other.destroy());
    one.on("close", () => other.destroy());
  }
});

console.log(`listening on 127.0.0.1:${await listening(balancer, Number(values.port ?? 3000))}`);
