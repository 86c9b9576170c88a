// npm's own server as the program `socketio_conformance`: the whole contract, so that what the checks expect is
// tried on it first. The mode `app` is in `reference_app.mjs`.

import { readFileSync, realpathSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { require } from "./npm.mjs";
import { app } from "./reference_app.mjs";

const { Server } = require("socket.io");
const { attach } = require("engine.io");

const string = { type: "string" };
const { values } = parseArgs({
  options: {
    port: string, mode: string, transports: string, cors: string, cookie: string, recovery: string, page: string,
    "ping-interval": string, "ping-timeout": string, "upgrade-timeout": string, "connect-timeout": string,
    "max-payload": string, "serve-client": string,
  },
});
const number = (name, otherwise) => Number(values[name] ?? otherwise);
const mode = values.mode ?? "app";
const files = values["serve-client"];

// npm's server has its own folder and no option for another one.
const own = join(dirname(require.resolve("socket.io/package.json")), "client-dist");
if (files !== undefined && realpathSync(files) !== realpathSync(own)) throw new Error(`--serve-client: only ${own}`);

const engineOptions = {
  pingInterval: number("ping-interval", 25000),
  pingTimeout: number("ping-timeout", 20000),
  upgradeTimeout: number("upgrade-timeout", 10000),
  maxHttpBufferSize: number("max-payload", 1000000),
  transports: (values.transports ?? "polling,websocket").split(","),
  cookie: values.cookie === undefined ? undefined : { name: values.cookie },
  cors: values.cors === undefined ? undefined : { origin: values.cors, credentials: values.cors !== "*" },
};

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

// Everybody hears of everybody's names.
const login = (io) => {
  const names = [];
  io.on("connection", (socket) => {
    socket.emit("login", names);
    socket.on("login", (name) => {
      if (typeof name !== "string") return;
      names.push(name);
      io.emit("login", names);
    });
  });
};

const chat = (io) => {
  let users = 0;
  io.on("connection", (socket) => {
    const user = `user${++users}`;
    io.emit("line", `${user} comes in`);
    socket.on("say", (text) => {
      if (typeof text === "string") io.emit("line", `${user} says: ${text}`);
    });
    socket.on("disconnect", () => io.emit("line", `${user} left`));
  });
};

// What it takes to end: the engine, and how to close all that is above it.
let engine;
let close;

const clientFile = /^\/socket\.io\/socket\.io(\.min|\.esm\.min|\.msgpack\.min)?\.js(\.map)?$/;

if (mode === "engine") {
  engine = attach(http, engineOptions);
  engine.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
  close = () => {
    engine.close();
    http.close(() => process.exit(0));
  };
} else {
  const io = new Server(http, {
    ...engineOptions,
    connectTimeout: number("connect-timeout", 45000),
    serveClient: files !== undefined,
    connectionStateRecovery: number("recovery", 0) > 0
      ? { maxDisconnectionDuration: number("recovery", 0) } : undefined,
  });
  engine = io.engine;
  close = () => io.close(() => process.exit(0));
  ({ app, login, chat })[mode](io, () => end());

  // npm takes whatever begins with its path, to the letter or not. Here all but the path itself and, if they
  // are served, the client's files is somebody else's.
  const listeners = http.listeners("request");
  http.removeAllListeners("request");
  http.on("request", (request, response) => {
    const path = request.url.split("?")[0];
    const known = path === "/" || path === "/socket.io/" || (files !== undefined && clientFile.test(path));
    if (!known) return response.writeHead(404).end();
    for (const listener of listeners) listener.call(http, request, response);
  });
}

engine.on("connection", (socket) => {
  const name = socket.id.slice(0, 4);
  console.error(`${name} opened: ${socket.request.url}`);
  socket.on("upgrade", () => console.error(`${name} upgraded`));
  socket.on("close", (reason, why) => console.error(`${name} closed: ${reason} ${why?.message ?? why ?? ""}`));
});

// `close` throws away what waits in npm's own buffers, so that has to go out before; but no client may hold
// this up for long.
let ending = false;
const end = () => {
  if (ending) return;
  ending = true;
  setTimeout(() => process.exit(0), 1500);
  const latest = Date.now() + 700;
  const look = () => {
    const waiting = Object.values(engine.clients).some((client) => client.writeBuffer.length > 0);
    if (waiting && Date.now() < latest) return setTimeout(look, 5);
    close();
    http.closeIdleConnections();
  };
  look();
};
process.on("SIGTERM", end);
process.on("SIGINT", end);

http.listen(number("port", 3000), "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});
