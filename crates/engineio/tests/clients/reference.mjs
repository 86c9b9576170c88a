// npm's own server with the command line of ours in its mode `engine`: every message is sent back. What the
// checks expect is tried on it first.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { require } from "./npm.mjs";

const { attach } = require("engine.io");

const string = { type: "string" };
const { values } = parseArgs({
  options: {
    mode: string, port: string, transports: string, cors: string, cookie: string, page: string,
    "ping-interval": string, "ping-timeout": string, "upgrade-timeout": string, "max-payload": string,
  },
});
const number = (name, otherwise) => Number(values[name] ?? otherwise);
const cors = values.cors === undefined ? undefined : { origin: values.cors, credentials: values.cors !== "*" };

const http = createServer((request, response) => {
  if (values.page !== undefined && request.method === "GET" && request.url.split("?")[0] === "/") {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
    response.end(readFileSync(values.page));
  } else {
    response.writeHead(404).end();
  }
});
// Node closes a connection that was quiet for 5 seconds, and a slow client may be about to use it.
http.keepAliveTimeout = 120_000;

const engine = attach(http, {
  pingInterval: number("ping-interval", 25000),
  pingTimeout: number("ping-timeout", 20000),
  upgradeTimeout: number("upgrade-timeout", 10000),
  maxHttpBufferSize: number("max-payload", 1000000),
  transports: (values.transports ?? "polling,websocket").split(","),
  cookie: values.cookie === undefined ? undefined : { name: values.cookie },
  cors,
});
engine.on("connection", (socket) => {
  const name = socket.id.slice(0, 4);
  console.error(`${name} opened: ${socket.request.url}`);
  socket.on("message", (data) => socket.send(data));
  socket.on("upgrade", () => console.error(`${name} upgraded`));
  socket.on("close", (reason, why) => console.error(`${name} closed: ${reason} ${why?.message ?? why ?? ""}`));
});

http.listen(number("port", 3000), "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});

const end = () => {
  engine.close();
  http.close(() => process.exit(0));
  // Connections of clients that do not answer a Close.
  setTimeout(() => process.exit(0), 1000).unref();
};
process.on("SIGTERM", end);
process.on("SIGINT", end);
