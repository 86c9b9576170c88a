// npm `engine.io` as its README has it: every message is sent back, text as text and binary as binary. All options
// are its defaults (no perMessageDeflate), but for the times of the heartbeat, which the measurement says.
//
//     node [--expose-gc] reference.mjs --modules DIR [--port N] [--ping-interval MS] [--ping-timeout MS]

import { createRequire } from "node:module";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    modules: { type: "string" },
    port: { type: "string", default: "3000" },
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
  },
});
const { Server } = createRequire(`${values.modules}/`)("engine.io");

const http = createServer();
const engine = new Server({
  pingInterval: Number(values["ping-interval"]),
  pingTimeout: Number(values["ping-timeout"]),
});
engine.attach(http);
engine.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
http.listen(Number(values.port), "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});

// Whoever measures memory asks for a collection first: garbage is not what a client costs. Twice, with a turn
// of the loop between: what was only held by a finalizer goes with the second.
if (globalThis.gc) {
  process.on("SIGUSR2", () => {
    globalThis.gc();
    setTimeout(() => {
      globalThis.gc();
      console.log("collected");
    }, 200);
  });
}
