// npm `engine.io` as its README has it: every message is sent back, text as text and binary as binary. All options
// are its defaults (no perMessageDeflate), but for the times of the heartbeat, which the measurement says.

import { heartbeat, http, listen, require } from "./harness.mjs";

const { Server } = require("engine.io");

const engine = new Server(heartbeat);
engine.attach(http);
engine.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
listen();
