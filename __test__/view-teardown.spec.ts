// Contents of `memory.buffer` that a script keeps, moves or sends away while the memory grows, its store is disposed, its thread
// ends. Each in a process of its own, which is what a mistake would end. What moves where differs between versions of Node.

import test from "ava";
import { nodeJson } from "./helper.js";

/** `memory` has 65536 bytes, the first of them 7; `turns()` collects garbage and lets finalizers run. */
const prelude = `
  import { Engine, Memory, Store } from "@cwasm/wasmtime";
  import { MessageChannel, Worker, receiveMessageOnPort } from "node:worker_threads";
  const turns = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); } };
  let store = new Store(new Engine()), memory = new Memory(store, { initial: 1, maximum: 5 });
  memory.write(0, new Uint8Array([7]));
  const first = (buffer) => new Uint8Array(buffer)[0];
  const send = (buffer, list = [buffer]) => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(buffer, list);
    return receiveMessageOnPort(port2).message;
  };
  const thrown = (f) => { try { f() } catch (error) { return error.name } };`;
const flags = ["--expose-gc"];

const moves: [name: string, move: string][] = [
  ["transfer", "(buffer) => buffer.transfer()"],
  ["transfer to more bytes", "(buffer) => buffer.transfer(1 << 20)"],
  ["transfer to fewer bytes", "(buffer) => buffer.transfer(10)"],
  ["transferToFixedLength", "(buffer) => buffer.transferToFixedLength()"],
  ["structuredClone", "(buffer) => structuredClone(buffer, { transfer: [buffer] })"],
  ["postMessage", "(buffer) => send(buffer)"],
  ["transfer and postMessage", "(buffer) => send(buffer.transfer())"],
  ["transfer back and forth", "(buffer) => buffer.transfer().transfer(1 << 17).transfer(65536)"],
];
const ends: [what: string, end: string][] = [
  ["dispose", "store.dispose(); await turns();"],
  ["growth", "memory.grow(1); await turns();"],
  ["growth and dispose", "memory.grow(1); memory.buffer; store.dispose(); await turns();"],
  ["the store is collected", "store = memory = undefined; await turns();"],
  ["dispose, and the moved contents are collected", "store.dispose(); await turns(); const at = first(moved); moved = [at]; await turns();"],
];
for (const [name, move] of moves) {
  for (const [what, end] of ends) {
    test(`contents moved by ${name} can be read after ${what}, where this Node moves or copies them`, (t) => {
      const script = `${prelude}
        let buffer = memory.buffer, moved;
        const refused = thrown(() => { moved = (${move})(buffer) });
        const kept = buffer.byteLength;
        buffer = undefined;
        if (moved) { ${end} }
        console.log(JSON.stringify({ refused, kept, first: moved && first(moved) }));`;
      const said = nodeJson(t, script, { flags });
      if (said.refused) t.true(["TypeError", "DataCloneError"].includes(said.refused) && said.kept === 65536, JSON.stringify(said));
      else t.true(said.first === 7 && [0, 65536].includes(said.kept), JSON.stringify(said));
    });
  }
}

test("a memory whose contents were moved away gives a new view, of the same bytes", (t) => {
  const script = `${prelude}
    const buffer = memory.buffer;
    thrown(() => structuredClone(buffer, { transfer: [buffer] }));
    const next = memory.buffer;
    memory.write(1, new Uint8Array([8]));
    console.log(JSON.stringify([first(next), new Uint8Array(next)[1], next === memory.buffer, next.byteLength]));`;
  t.deepEqual(nodeJson(t, script, { flags }), [7, 8, true, 65536]);
});

const kept: [what: string, keep: string, read: string, expected: unknown][] = [
  ["a typed array", "new Uint32Array(memory.buffer, 4, 2)", "[kept.length, kept[0] === undefined]", [0, true]],
  ["a DataView", "new DataView(memory.buffer)", "thrown(() => kept.getUint8(0))", "TypeError"],
  ["a Buffer", "Buffer.from(memory.buffer)", "[kept.length, kept[0] === undefined]", [0, true]],
  ["a subarray", "new Uint8Array(memory.buffer).subarray(0, 8)", "[kept.length, kept[0] === undefined]", [0, true]],
  ["what Atomics work on", "new Int32Array(memory.buffer)", "[0, 1].map(() => thrown(() => Atomics.add(kept, 0, 1)))", ["TypeError", "TypeError"]],
  ["an iterator", "new Uint8Array(memory.buffer).values()", "thrown(() => [...kept])", "TypeError"],
  ["a slice, which is a copy", "memory.buffer.slice(0, 8)", "[kept.byteLength, first(kept)]", [8, 7]],
];
for (const [what, keep, read, expected] of kept) {
  for (const end of ["store.dispose()", "memory.grow(1)"]) {
    test(`${what} kept over ${end} sees nothing of the memory any more`, (t) => {
      const script = `${prelude} const kept = ${keep}; ${end}; await turns(); console.log(JSON.stringify(${read}));`;
      t.deepEqual(nodeJson(t, script, { flags }), expected);
    });
  }
}

test("a view is of fixed length and not shared, and Atomics work on it but can't wait", (t) => {
  const script = `${prelude}
    const { buffer } = memory, numbers = new Int32Array(buffer);
    const sum = [Atomics.add(numbers, 0, 1), Atomics.load(numbers, 0), memory.read(0, 1)[0], Atomics.notify(numbers, 0, 1)];
    const wrong = [() => Atomics.wait(numbers, 0, 8, 1), () => buffer.resize(5), () => new SharedArrayBuffer(0).slice.call(buffer)];
    console.log(JSON.stringify([sum, wrong.map(thrown), buffer.resizable ?? false, buffer.byteLength]));`;
  t.deepEqual(nodeJson(t, script, { flags }), [[7, 8, 8, 0], ["TypeError", "TypeError", "TypeError"], false, 65536]);
});

test("a view detaches while Atomics and a sort convert their operands, and nothing is written behind it", (t) => {
  const script = `${prelude}
    const numbers = new Int32Array(memory.buffer);
    const grow = { valueOf() { memory.grow(1); return 5 } };
    const said = [thrown(() => Atomics.store(numbers, 0, grow)), numbers.length];
    const bytes = new Uint8Array(memory.buffer);
    bytes.subarray(0, 16).sort(() => { if (bytes.length) store.dispose(); return 1 });
    console.log(JSON.stringify([said[1], bytes.length]));`;
  t.deepEqual(nodeJson(t, script, { flags }), [0, 0]);
});

/** A worker that posts the contents of a memory of its own, then does `end`. */
const worker = (end: string) => `${prelude}
  const text = \`Promise.all([import("@cwasm/wasmtime"), import("node:worker_threads")]).then(([{ Engine, Memory, Store }, { parentPort }]) => {
    const store = new Store(new Engine());
    const memory = new Memory(store, { initial: 1 });
    memory.write(0, new Uint8Array([7]));
    let { buffer } = memory;
    if (buffer.transfer) buffer = buffer.transfer();
    parentPort.postMessage(buffer, [buffer]);
    ${end}
  })\`;
  const worker = new Worker(text, { eval: true }), ended = new Promise((resolve) => worker.once("exit", resolve));
  let buffer = await new Promise((resolve) => worker.once("message", resolve));`;
const workerEnds: [what: string, end: string, then: string][] = [
  ["its store is disposed", "store.dispose(); parentPort.once('message', () => {})", "await turns(); const read = first(buffer); worker.postMessage(0); await ended;"],
  ["the worker has ended", "", "await ended; await turns(); const read = first(buffer);"],
  ["the worker was terminated", "parentPort.on('message', () => {})", "await worker.terminate(); await turns(); const read = first(buffer);"],
  [
    "they are collected while the worker lives",
    "parentPort.once('message', () => {})",
    "const read = first(buffer); buffer = undefined; await turns(); worker.postMessage(0); await ended;",
  ],
  ["they are collected after the worker has ended", "", "const read = first(buffer); await ended; buffer = undefined; await turns();"],
];
for (const [what, end, then] of workerEnds) {
  test(`contents that a worker has posted can be used when ${what}`, (t) => {
    t.is(nodeJson(t, `${worker(end)} ${then} console.log(read);`, { flags }), 7);
  });
}
