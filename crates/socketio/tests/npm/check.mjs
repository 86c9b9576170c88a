// Random packets, encoded and decoded by npm's socket.io-parser and by ours: both have to mean the same, in both
// directions. Texts with a fault in them have to be refused by both, or mean the same to both.
//
//     node check.mjs PARSER [COUNT]

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(process.cwd() + "/");
const { Encoder, Decoder, PacketType } = require("socket.io-parser");
const [parser, count = "10000"] = process.argv.slice(2);

const hex = (data) => Buffer.from(data).toString("hex");

// A generator with a seed, so that a failure comes again.
let state = 0x2545f491;
const below = (n) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
};
const one = (...choices) => choices[below(choices.length)];
const some = (most, make) => Array.from({ length: below(most + 1) }, make);

const CHARACTERS = ["a", "Z", "0", "-", ",", "/", "{", "]", '"', "\\", "\n", "\0", "\u001e", "\u00e4", "\u2028", "\u{1f600}", " "];
const text = () => some(8, () => one(...CHARACTERS)).join("");
const bytes = () => Buffer.from(some(20, () => below(256)));
const number = () => one(0, 1, -1, below(1000), -below(2 ** 31) * 2 ** 20, below(1000) / 8, 0.1 + 0.2, 1e21, 5e-324, -1.7976931348623157e30);
const key = () => one("a", "b", "num", "_placeholder", "\u00e4", '"', "", "1", text());
const value = (depth, leaf) => {
  const choice = below(depth > 0 ? 9 : 6);
  if (choice < 6) return leaf();
  if (choice === 6) return some(3, () => value(depth - 1, leaf));
  const object = {};
  for (const name of some(3, key)) object[name] = value(depth - 1, leaf);
  // An object like this is a placeholder to the other side, whoever encodes it: ours refuses it.
  if (object._placeholder === true) object._placeholder = false;
  return object;
};
const plain = () => value(4, () => one(null, true, false, number(), text()));
const binary = () => value(4, () => one(null, true, number(), text(), bytes(), bytes()));

const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
const name = () => {
  const chosen = one("message", "Connect", "_placeholder", text());
  return RESERVED.includes(chosen) ? "a" : chosen;
};
const object = () => ({ [key()]: plain(), token: plain() });

const packet = () => {
  const nsp = one("/", "/", "/admin", "/a/b?c=1", "/\u00e4 {");
  const id = one(undefined, 0, below(1000), 2 ** 40 + below(1000));
  const list = () => some(4, one(plain, binary, binary));
  switch (below(8)) {
    case 0: return { type: PacketType.CONNECT, nsp, data: one(undefined, object()) };
    case 1: return { type: PacketType.DISCONNECT, nsp };
    case 2: return { type: PacketType.CONNECT_ERROR, nsp, data: one(text(), object()) };
    case 3: case 4: return { type: PacketType.ACK, nsp, id, data: list() };
    case 5: return { type: PacketType.EVENT, nsp, id, data: [number(), ...list()] };
    default: return { type: PacketType.EVENT, nsp, id, data: [name(), ...list()] };
  }
};

// Attachments as objects, for JSON and for comparisons.
const shown = (data) => {
  if (Buffer.isBuffer(data)) return { $bytes: hex(data) };
  if (Array.isArray(data)) return data.map(shown);
  if (data === null || typeof data !== "object") return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, shown(value)]));
};
// JavaScript reads -0, and writes 0.
const normal = (data) => JSON.parse(JSON.stringify(data));
const described = ({ type, nsp, id, data }) => ({
  kind: type === PacketType.BINARY_EVENT ? 2 : type === PacketType.BINARY_ACK ? 3 : type,
  namespace: nsp,
  ack: id ?? null,
  data: data === undefined ? null : normal(shown(data)),
});

const attachments = (data) => {
  if (Buffer.isBuffer(data)) return 1;
  if (data === null || typeof data !== "object") return 0;
  return Object.values(data).reduce((sum, value) => sum + attachments(value), 0);
};

// What npm's decoder makes of a text and its attachments: a packet, or `null`.
const decode = ([header, ...buffers]) => {
  const decoder = new Decoder();
  let found = null;
  decoder.on("decoded", (packet) => { found = packet; });
  try {
    decoder.add(header);
    for (const buffer of buffers) decoder.add(buffer);
  } catch {
    return null;
  }
  return found && described(found);
};

// A packet with a fault somewhere.
const broken = (header) => {
  const at = below(2) === 0 ? below(Math.min(header.length + 1, 8)) : below(header.length + 1);
  const faults = ["", "", "{", "}", "[", "]", '"', ",", "0", "1", "7", "-", "/", "\\", "x", '"connect"', '{"_placeholder":true,"num":0}'];
  return header.slice(0, at) + one(...faults) + header.slice(at + below(2));
};
// Where npm's parser differs for known reasons, which are no business of real clients: nothing is a CONNECT, white
// space and letters are in numbers, ids above 2^53, numbers that
// are infinite, half a surrogate pair, and an object that is a placeholder only if
// the same key is written twice, or holds more than scalars.
const isOdd = (header) => {
  const [start] = header.replace(/\/[^,]*(,|$)/, "").match(/^.[^[{"]*/) ?? [""];
  return (
    header === "" ||
    /\s/.test(start) ||
    /^[56][^-]*[^-0-9][^-]*-/.test(header) ||
    /[0-9]{16}/.test(start) ||
    /[0-9]e\+?[0-9]{3}/.test(header) ||
    !header.isWellFormed() ||
    /"_placeholder":true,"num":(-0|[0-9]+[^0-9}])/.test(header) ||
    (header.match(/_placeholder/g) ?? []).length > 2
  );
};

const encoder = new Encoder();
const asked = (parts) => `decode ${hex(parts[0])}${parts.slice(1).map((part) => ` b${hex(part)}`).join("")}`;
const questions = [];
const checks = [];
const ask = (question, check) => {
  questions.push(question);
  checks.push(check);
};
const same = (expected) => (answer) => {
  const found = answer === "!" ? null : normal(JSON.parse(answer));
  if (!isDeepStrictEqual(found, expected)) return `npm:  ${JSON.stringify(expected)}`;
};

let [packets, withBinary, faulty, refused, odd] = [0, 0, 0, 0, 0];
while (packets < Number(count)) {
  const made = packet();
  if (attachments(made.data) > 10) continue;
  packets++;
  withBinary += attachments(made.data) > 0;
  const expected = described(made);

  // npm encodes, both decode.
  const parts = encoder.encode({ ...made });
  if (!isDeepStrictEqual(decode(parts), expected)) throw new Error(`npm does not understand itself: ${parts[0]}`);
  ask(asked(parts), same(expected));

  // Ours encodes, npm decodes.
  const data = made.data === undefined ? "-" : JSON.stringify(shown(made.data));
  if (!made.nsp.includes(" ")) {
    ask(`encode ${made.type} ${made.nsp} ${made.id ?? "-"} ${data}`, (answer) => {
      const [header, ...buffers] = answer.split(" ");
      const found = decode([Buffer.from(header, "hex").toString(), ...buffers.map((buffer) => Buffer.from(buffer.slice(1), "hex"))]);
      if (!isDeepStrictEqual(found, expected)) return `npm reads: ${JSON.stringify(found)}\n  expected: ${JSON.stringify(expected)}`;
    });
  }

  // A fault in it, for both.
  const fault = broken(parts[0]);
  if (isOdd(fault)) {
    odd++;
  } else {
    const understood = decode([fault, ...parts.slice(1)]);
    faulty++;
    refused += understood === null;
    ask(asked([fault, ...parts.slice(1)]), same(understood));
  }
}

const { stdout, status, error } = spawnSync(parser, { input: questions.join("\n") + "\n", maxBuffer: 1 << 30 });
if (error || status !== 0) throw error ?? new Error(`the parser ended with ${status}`);
const answers = stdout.toString().trimEnd().split("\n");
if (answers.length !== questions.length) throw new Error(`${questions.length} questions, ${answers.length} answers`);
answers.forEach((answer, i) => {
  const difference = checks[i](answer);
  if (difference === undefined) return;
  const [, digits] = questions[i].split(" ");
  const header = questions[i].startsWith("decode") ? Buffer.from(digits, "hex").toString() : questions[i];
  console.error(`${questions[i]}\n  (${header})\n  ${difference}\n  ours: ${answer}`);
  process.exit(1);
});
console.log(
  `${packets} packets (${withBinary} with attachments), each both ways, and ${faulty} with a fault (${refused} refused, ${odd} left out): ` +
    "npm's socket.io-parser and ours agree",
);
