// For schedules.spec.ts: random schedules of calls that wait, run beside, are aborted, and of stores that are disposed. One process
// runs many; some run in workers that are ended amid them. `node dist/__test__/schedules.js FILE.cwasm PROFILE FIRST COUNT WORKERS`

import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { Worker, isMainThread, workerData } from "node:worker_threads";
import { ClosedError, Engine, Instance, Module, type ProfileName, Store, StoreBusyError, promising } from "../index.js";

/** Numbers of a seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

class Stopped extends Error {}
class Mine extends Error {}
const isExpected = (error: unknown) => [Stopped, Mine, StoreBusyError, ClosedError].some((kind) => error instanceof kind);

const profile: ProfileName = isMainThread ? process.argv[3] : workerData.profile;
const engine = new Engine({ profile });
let module: Module;

async function schedule(seed: number): Promise<void> {
  const r = random(seed);
  const pending = new Set<{ control: AbortController; call: Promise<unknown> }>();
  const stores = Array.from({ length: 1 + r(3) }, () => make(r));
  const tell = (what: string, error: unknown) => {
    if (!isExpected(error)) throw new Error(`schedule ${seed}: ${what}: ${String((error as Error)?.stack ?? error)}`);
  };
  const attempt = (what: string, act: () => unknown) => {
    try {
      act();
    } catch (error) {
      tell(what, error);
    }
  };
  for (let step = 0; step < 25; step++) {
    const { store, exports } = stores[r(stores.length)]!;
    switch (r(10)) {
      case 0:
        attempt("call", () => exports.add(1, 2) === 3 || fail("add"));
        break;
      case 1:
        attempt("call of an import", () => exports.call(r(8)));
        break;
      case 2:
      case 3:
      case 4: {
        const control = new AbortController();
        const place = r(2) ? "background" : "js";
        const fn = [exports.call, exports.twice, exports.count, exports.spin][r(4)]!;
        // Without epochs it would hold the thread for ever.
        const thread = fn === exports.spin && profile === "default" ? "background" : place;
        const call = promising(fn, { thread, queue: r(3) === 0, signal: control.signal })(r(8));
        const entry = { control, call: call.catch((error) => tell(`${thread} call`, error)).finally(() => pending.delete(entry)) };
        pending.add(entry);
        break;
      }
      case 5:
        [...pending][r(pending.size || 1)]?.control.abort(new Stopped());
        break;
      case 6:
        if (r(4) === 0) attempt("dispose", () => store.dispose());
        break;
      case 7:
        attempt("memory", () => (exports.memory.grow(0), exports.memory.buffer, exports.memory.write(0, Buffer.from([1]))));
        break;
      case 8:
        await (r(2) ? turn() : pause(r(3)));
        break;
      default:
        (globalThis as { gc?: () => void }).gc?.();
    }
  }
  const settled = Promise.all([...pending].map(({ control, call }) => (control.abort(new Stopped()), call)));
  const late = new AbortController();
  const won = await Promise.race([settled.then(() => true), pause(20_000, false, { signal: late.signal })]);
  late.abort();
  if (!won) throw new Error(`schedule ${seed}: a promise is not settled`);
  for (const { store, exports } of stores) {
    if (!store.disposed && exports.add(1, 2) !== 3) throw new Error(`schedule ${seed}: a store does not work any more`);
    store.dispose();
  }
}
function rejected(): Promise<never> {
  const promise = turn().then(() => Promise.reject(new Mine()));
  // A call that does not wait leaves it to nobody.
  promise.catch(() => undefined);
  return promise;
}
function fail(what: string): never {
  throw new Error(what);
}

function make(r: (below: number) => number): { store: Store; exports: any } {
  const store = new Store(engine);
  const f = (x: number): unknown => {
    switch (x % 8) {
      case 0:
        return x;
      case 1:
        return Promise.resolve(x);
      case 2:
        return pause(r(3), x);
      case 3:
        throw new Mine();
      case 4:
        return rejected();
      case 5:
        return new Promise(() => undefined);
      case 6:
        return exports.add(x, 1);
      default:
        return exports.call(0);
    }
  };
  const { exports } = new Instance(store, module, { env: { f } });
  return { store, exports };
}

async function many(file: string, first: number, count: number): Promise<void> {
  module = Module.deserializeFile(engine, file);
  for (let seed = first; seed < first + count; seed++) await schedule(seed);
}

if (isMainThread) {
  const [file, first, count, workers] = [process.argv[2]!, ...process.argv.slice(4).map(Number)] as [string, number, number, number];
  await many(file, first, count);
  for (let i = 0; i < workers; i++) {
    const r = random(first + i);
    const worker = new Worker(new URL(import.meta.url), { workerData: { file, profile, first: first + i * 1000 } });
    const failed = new Promise<never>((_, reject) => worker.once("error", reject));
    failed.catch(() => undefined);
    await Promise.race([pause(20 + r(60)), failed]);
    await Promise.race([worker.terminate(), failed]);
  }
  console.log(JSON.stringify({ schedules: count, workers }));
} else {
  await many(workerData.file, workerData.first, 1000);
}
