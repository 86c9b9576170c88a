// npm `ws`, as its README: no compression, text checked. With `bufferutil`, which the README
// recommends for speed, when it could be installed.

import { createRequire } from "node:module";

const [modules, address, mode] = process.argv.slice(2);
const { WebSocketServer } = createRequire(`${modules}/`)("ws");
const [host, port] = address.split(":");

const server = new WebSocketServer({ host, port: Number(port), perMessageDeflate: false });
server.on("listening", () => console.log("listening"));
server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, binary) => {
    const everyone = mode === "--broadcast" ? server.clients : [socket];
    for (const one of everyone) one.send(data, { binary });
  });
});
