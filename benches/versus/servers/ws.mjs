// npm `ws`, as its README: text checked, no compression unless asked for. With `bufferutil`, which the README
// recommends for speed, when it could be installed.

import { createRequire } from "node:module";

const [modules, address, ...options] = process.argv.slice(2);
const { WebSocketServer } = createRequire(`${modules}/`)("ws");
const [host, port] = address.split(":");

const deflate = options.includes("--deflate") && {
  zlibDeflateOptions: { level: Number(options[options.indexOf("--deflate") + 1]) },
  serverNoContextTakeover: !options.includes("--takeover"),
  clientNoContextTakeover: !options.includes("--takeover"),
  threshold: 0,
};
const server = new WebSocketServer({ host, port: Number(port), perMessageDeflate: deflate });
server.on("listening", () => console.log("listening"));
server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, binary) => {
    const everyone = options.includes("--broadcast") ? server.clients : [socket];
    for (const one of everyone) one.send(data, { binary });
  });
});
