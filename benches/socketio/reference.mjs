// npm `socket.io` as its documentation has it, with the events that are measured. All options are its defaults (no
// perMessageDeflate), but for the times of the heartbeat, which the measurement says.

import { heartbeat, http, listen, require } from "../engineio/harness.mjs";

const { Server } = require("socket.io");

const io = new Server(http, heartbeat);
io.on("connection", (socket) => {
  socket.emit("auth", {});
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("to", (order, ack) => {
    (order.self ? io : socket.broadcast).emit(order.event, ...order.args);
    ack?.();
  });
});
listen();
