// A server that runs somebody's guests, with a store for each request: what a guest does in one is gone in the next, and whatever it does
// ends as that request's status. `POST /NAME` runs NAME.cwasm on the body.
//   npx cwasm compile examples/serve/escape.wat --profile sandbox      with the full package, in CI
//   node dist/examples/serve/serve.js escape.cwasm --port=8080         with either
// Guests run on the event loop's thread, so others wait for one that spins until its deadline. ../worker-pool has threads.

import type { AddressInfo } from "node:net";
import { parse } from "node:path";
import { parseArgs } from "node:util";
import { DeadlineError, Engine, Linker, type Memory, MemoryLimitError, Module, Store, Trap, WasmtimeError } from "@cwasm/wasmtime";
import { Failure, server } from "./http.js";

interface Guest {
  memory: Memory;
  /** Where so many bytes can be put. */
  alloc(length: number): number;
  /** Where the answer is, and how long. */
  handle(at: number, length: number): [at: number, length: number];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: "string", default: "0" }, timeout: { type: "string", default: "50" } },
});
const memoryBytes = 16 << 20;
// One instance at a time, with a memory and a heap of objects. A page of each is zeroed for the next one, the rest goes back to the system.
const pool = { totalCoreInstances: 1, totalMemories: 2, totalTables: 1, maxMemorySize: memoryBytes, linearMemoryKeepResident: 1 << 16 };
const engine = new Engine({ profile: "sandbox", pooling: pool });
const linker = new Linker(engine); // which grants nothing
const guests = new Map(positionals.map((file) => [parse(file).name, linker.instantiatePre(Module.deserializeFile(engine, file))]));
/** What each request gets. The time is that of each call (the start function, `alloc`, `handle`), by the clock on the wall. */
const options = { timeoutMs: Number(values.timeout), limits: { memoryBytes, trapOnGrowFailure: true } };

function answer(name: string, body: Uint8Array): Uint8Array {
  const guest = guests.get(name);
  if (!guest) throw new Failure(404, "no such guest");
  const store = new Store(engine, options);
  try {
    const { memory, alloc, handle } = guest.instantiate<Guest>(store).exports;
    const at = alloc(body.length);
    memory.write(at, body);
    const [from, length] = handle(at, body.length);
    return memory.read(from, length);
  } catch (error) {
    throw failure(error);
  } finally {
    store.dispose();
  }
}

/** What a client is told of a guest that failed. */
function failure(error: unknown): unknown {
  if (error instanceof DeadlineError) return new Failure(504, error.code);
  if (error instanceof MemoryLimitError) return new Failure(507, error.code);
  if (error instanceof Trap) return new Failure(500, `${error.code} ${error.trapCode}`);
  if (error instanceof WasmtimeError) return new Failure(500, error.code);
  // A place outside of its memory, or exports of other types.
  if (error instanceof RangeError || error instanceof TypeError) return new Failure(502, "the guest's answer is none");
  return error;
}

const listening = server(answer);
listening.listen(Number(values.port), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`);
});
process.once("SIGTERM", () => listening.close());
