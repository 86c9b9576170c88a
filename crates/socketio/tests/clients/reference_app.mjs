// The mode `app` of the contract: its namespaces and events, on npm's server.

const text = (value) => typeof value === "string";
const bool = (value) => typeof value === "boolean";
const count = (value) => Number.isSafeInteger(value) && value >= 0;
const binary = (value) => Buffer.isBuffer(value);
const anything = () => true;
const list = (of) => (value) => Array.isArray(value) && value.every(of);
const object = (value) => typeof value === "object" && value !== null && !Array.isArray(value) && !binary(value);
// An object with these keys; those of `optional` may be missing.
const keys = (required, optional) => (value) => object(value) &&
  Object.entries(required).every(([key, type]) => type(value[key])) &&
  Object.entries(optional).every(([key, type]) => value[key] === undefined || type(value[key]));

// npm's server throws when it is told to emit one of these.
const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
const event = (value) => text(value) && !RESERVED.includes(value);

const target = { rooms: list(text), except: list(text) };

// A list that keeps its newest entries.
class Log {
  entries = [];

  constructor(most) {
    this.most = most;
  }

  add(entry) {
    this.entries.push(entry);
    if (this.entries.length > this.most) this.entries.shift();
  }
}

const sorted = (rooms) => [...rooms].sort();

// From `source`, an operator for `rooms` less `except`. No rooms are all sockets.
const matching = (source, { rooms = [], except = [] }) => {
  let operator = source;
  for (const room of rooms) operator = operator.to(room);
  for (const room of except) operator = operator.except(room);
  return operator;
};

// What was tried, of all sockets: who comes back has another id.
const tries = new Log(1000);

// Each event: the types of its arguments, and what happens. `ack` does nothing if the client asked for none.
const EVENTS = {
  "message": [[], (socket, ack, ...args) => socket.emit("message-back", ...args)],
  "message-with-ack": [[], (socket, ack, ...args) => ack(...args)],
  "echo": [[], (socket, ack, ...args) => socket.emit("echo", ...args)],
  "sum": [[binary], (socket, ack, bytes) => {
    ack({ length: bytes.length, sum: bytes.reduce((sum, byte) => (sum + byte) % 2 ** 32, 0) });
  }],
  "bytes": [[count], (socket, ack, n) => {
    const bytes = Buffer.alloc(n);
    for (let i = 0; i < n; i++) bytes[i] = i % 251;
    ack(bytes);
  }],
  "whoami": [[], (socket, ack) => ack({
    id: socket.id,
    nsp: socket.nsp.name,
    transport: socket.conn.transport.name,
    recovered: socket.recovered,
    auth: socket.handshake.auth,
    query: socket.handshake.query,
    data: socket.data,
  })],
  "set-data": [[anything], (socket, ack, value) => {
    socket.data.value = value;
    ack();
  }],
  "ask": [[event], (socket, ack, name, ...args) => {
    socket.timeout(1500).emit(name, ...args, (error, ...values) => {
      if (error) ack("timeout");
      else ack("ok", ...values);
    });
  }],
  "join": [[(value) => text(value) || list(text)(value)], (socket, ack, rooms) => {
    socket.join(rooms);
    ack();
  }],
  "leave": [[text], (socket, ack, room) => {
    socket.leave(room);
    ack();
  }],
  "rooms": [[], (socket, ack) => ack(sorted(socket.rooms))],
  "to": [
    [keys({ event }, { ...target, self: bool, args: list(anything), volatile: bool, compress: bool })],
    (socket, ack, wish) => {
      let operator = matching(wish.self ? socket.nsp : socket.broadcast, wish);
      if (wish.volatile) operator = operator.volatile;
      if (wish.compress !== undefined) operator = operator.compress(wish.compress);
      operator.emit(wish.event, ...(wish.args ?? []));
      ack();
    },
  ],
  "ask-all": [
    [keys({ event, timeout: count }, { ...target, args: list(anything) })],
    (socket, ack, wish) => {
      matching(socket.nsp, wish).timeout(wish.timeout).emit(wish.event, ...(wish.args ?? []), (error, answers) => {
        ack({ error: Boolean(error), answers });
      });
    },
  ],
  "sockets": [[keys({}, target)], async (socket, ack, wish) => {
    const sockets = await matching(socket.nsp, wish).fetchSockets();
    const shown = sockets.map(({ id, rooms, data }) => ({ id, rooms: sorted(rooms), data }));
    ack(shown.sort((a, b) => (a.id < b.id ? -1 : 1)));
  }],
  "sockets-join": [[keys({ room: text }, { rooms: list(text) })], (socket, ack, { rooms, room }) => {
    matching(socket.nsp, { rooms }).socketsJoin(room);
    ack();
  }],
  "sockets-leave": [[keys({ room: text }, { rooms: list(text) })], (socket, ack, { rooms, room }) => {
    matching(socket.nsp, { rooms }).socketsLeave(room);
    ack();
  }],
  "sockets-disconnect": [[keys({}, { rooms: list(text), close: bool })], (socket, ack, { rooms, close }) => {
    ack();
    matching(socket.nsp, { rooms }).disconnectSockets(close ?? false);
  }],
  "disconnect-me": [[bool], (socket, ack, close) => socket.disconnect(close)],
  "kill": [[], (socket) => socket.conn.close()],
  "burst": [[event, count, count], (socket, ack, name, times, size) => {
    for (let i = 0; i < times; i++) socket.emit(name, i, "x".repeat(size));
    ack();
  }],
  "binary-burst": [[event, count, count], (socket, ack, name, times, size) => {
    for (let i = 0; i < times; i++) socket.emit(name, i, Buffer.alloc(size), Buffer.from([i % 256]));
    ack();
  }],
  "ticks": [[event, count, count], (socket, ack, name, times, every) => {
    ack();
    let i = 0;
    const timer = setInterval(() => {
      if (i === times || !socket.connected) return clearInterval(timer);
      socket.emit(name, i++);
    }, every);
  }],
  "volatile": [[event, count], (socket, ack, name, times) => {
    for (let i = 0; i < times; i++) socket.volatile.emit(name, i);
    ack();
  }],
  // Answered the third time only. The second time the connection is lost, if that is wanted.
  "third-time": [[text, count, bool], (socket, ack, key, number, loses) => {
    tries.add([key, number]);
    const times = tries.entries.filter(([other, tried]) => other === key && tried === number).length;
    if (loses && times === 2) socket.conn.close();
    else if (times >= 3) ack();
  }],
  "tries": [[text], (socket, ack, key) => {
    ack(tries.entries.filter(([other]) => other === key).map(([, number]) => number));
  }],
  // Never reached: the check is in front.
  "blocked": [[], (socket, ack) => ack("reached")],
  "any-log": [[], (socket, ack, seen) => ack(seen)],
  "out-log": [[], (socket, ack) => ack(socket.sentNames.entries)],
};

// `auth`, and these events of a socket.
const serve = (socket, names) => {
  const seen = new Log(100);
  socket.sentNames = new Log(100);
  socket.onAny((name) => {
    if (name !== "any-log") seen.add(name);
  });
  socket.onAnyOutgoing((name) => socket.sentNames.add(name));

  if (names.includes("blocked")) {
    const refused = new Error("blocked");
    socket.use(([name], next) => next(name === "blocked" ? refused : undefined));
    // A client may send `error`, too, and npm says broken packets here.
    socket.on("error", (error) => {
      if (error === refused) socket.emit("blocked-error", { message: refused.message });
    });
  }

  for (const name of names) {
    const [types, handler] = EVENTS[name];
    socket.on(name, (...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : () => {};
      if (!types.every((type, i) => type(args[i]) && i < args.length)) return;
      if (name === "any-log") handler(socket, ack, seen.entries);
      else handler(socket, ack, ...args);
    });
  }
  socket.emit("auth", socket.handshake.auth);
};

const refusal = (message, data) => Object.assign(new Error(message), { data });

const admission = (namespace) => {
  namespace.use((socket, next) => {
    socket.data.first = 1;
    next();
  });
  namespace.use((socket, next) => {
    const admit = () => {
      socket.data.second = 2;
      next();
    };
    switch (socket.handshake.auth.token) {
      case "good": return setTimeout(admit, 50);
      case "slow": return setTimeout(admit, 1000);
      case "plain": return setTimeout(next, 50, refusal("plain"));
      default: return setTimeout(next, 50, refusal("not authorized", { code: 401, hint: "token" }));
    }
  });
};

export const app = (io, end) => {
  const log = new Log(1000);
  const namespaces = [io.of("/"), io.of("/admission"), io.of(/^\/dynamic-[0-9]+$/), io.of("/custom")];
  admission(namespaces[1]);

  for (const namespace of namespaces) {
    namespace.on("connection", (socket) => {
      const entry = { nsp: socket.nsp.name, id: socket.id };
      log.add({ ...entry, event: "connect" });
      socket.on("disconnecting", (reason) => {
        log.add({ ...entry, event: "disconnecting", reason, rooms: sorted(socket.rooms) });
      });
      socket.on("disconnect", (reason) => log.add({ ...entry, event: "disconnect", reason }));
      serve(socket, namespace.name === "/custom" ? ["message"] : Object.keys(EVENTS));
    });
  }

  io.of("/admin").on("connection", (socket) => {
    const on = (name, handler) => socket.on(name, (...args) => {
      handler(typeof args.at(-1) === "function" ? args.at(-1) : () => {});
    });
    on("log", (ack) => ack(log.entries));
    on("clients", (ack) => {
      const sockets = [...io._nsps].map(([name, { sockets }]) => [name, sockets.size]);
      ack({ engine: io.engine.clientsCount, sockets: Object.fromEntries(sockets) });
    });
    on("close", (ack) => {
      ack();
      end();
    });
  });
};
