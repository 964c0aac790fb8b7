// What exceptions take of a store's limits and of memory, and how long guests and JavaScript keep them.

import { Exception, InternalError, Trap, WasmtimeError } from "../index.js";
import { artifact, needing, nodeJson, thrown } from "./helper.js";
import { fresh, guest, ordinary, show } from "./exception-guest.js";

const test = needing("gc");

for (const limits of [{ memoryBytes: 0 }, { memoryBytes: 1000 }, { memoryBytes: 0, trapOnGrowFailure: true }]) {
  test(`where ${JSON.stringify(limits)} leaves no room for an exception, what was thrown comes out all the same`, (t) => {
    const { exports, what, store } = fresh({ limits });
    for (const value of [...ordinary, new Trap("x")]) {
      what.value = value;
      for (const way of ["call", "again"]) t.true(Object.is(thrown(exports[way]), value), `${way} ${show(value)}`);
    }
    what.value = new Exception(exports.t, [1, 2]);
    t.is(thrown(exports.again), what.value);
    const own = thrown(() => exports.throw(1, 2)) as WasmtimeError;
    t.true(own instanceof WasmtimeError && !(own instanceof InternalError), String(own));
    store.limits = {};
    t.deepEqual(exports.payload(), [1, 2]);
    t.is(thrown(exports.again), what.value);
  });
}

const inChild = (t: any, body: string) =>
  nodeJson(
    t,
    `import { Engine, Exception, Instance, Module, RefType, Store, StructRef, Tag } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file)), store = new Store(engine);
    const what = {};
    const { exports } = new Instance(store, module, { env: { f() { throw what.make ? what.make() : what.value }, js: store.jsTag } });
    const thrown = (f) => { try { f() } catch (error) { return error } throw new Error("nothing was thrown") };
    const rest = async (rounds = 5) => { for (let i = 0; i < rounds; i++) { gc(); await new Promise((done) => setTimeout(done, 5)); store.gc(); } };
    const print = (value) => console.log(JSON.stringify(value));
    ${body}`,
    { flags: ["--expose-gc"], values: { file: artifact(guest) } },
  );

test("a guest keeps an exception that JavaScript has let go, and throws it with all that it carries", (t) => {
  const result = inChild(
    t,
    `const weak = (() => { what.value = new Exception(exports.t, [4, 5]); exports.keep(); const weak = new WeakRef(what.value); what.value = undefined; return weak; })();
    await rest();
    const lost = weak.deref() === undefined;
    const error = thrown(exports.rethrow);
    const value = (() => { const value = { some: "value" }; what.value = value; exports.keep(); what.value = undefined; return new WeakRef(value); })();
    await rest();
    print([lost, error.tag === exports.t, error.payload, thrown(exports.rethrow) === value.deref(), thrown(exports.rethrow).some]);`,
  );
  t.deepEqual(result, [true, true, [4, 5], true, "value"]);
});

test("exceptions and what they carry are collected on both sides", (t) => {
  const result = inChild(
    t,
    `let gone = 0;
    const registry = new FinalizationRegistry(() => void gone++);
    const tag = new Tag(store, { parameters: ["externref"] });
    for (let i = 0; i < 1000; i++) {
      const value = { i }, carried = { i };
      registry.register(value); registry.register(carried);
      what.value = value; exports.all(); exports.js(); thrown(exports.again); exports.keep();
      what.value = new Exception(tag, [carried]); registry.register(what.value); exports.all(); thrown(exports.again); exports.keep(); exports.id(what.value);
    }
    what.value = undefined; exports.g.value = null;
    for (let i = 0; i < 6; i++) { await rest(2); for (let n = 0; n < 3000; n++) exports.throwJs.length, thrown(() => exports.throwJs("s" + n)); }
    await rest();
    print(gone);`,
  );
  t.true(result >= 2900 && result <= 3000, String(result));
});

for (const [what, body] of [
  ["guests' exceptions", `if (thrown(() => exports.throw(i, 1)).payload[0] !== i) throw new Error("wrong")`],
  [
    "JavaScript's Exceptions, caught and not",
    `what.value = new Exception(exports.t, [i, 1]); exports.all(); if (thrown(exports.again) !== what.value) throw new Error("wrong")`,
  ],
  [
    "JavaScript's values, caught and not",
    `what.value = { i }; exports.all(); if (thrown(exports.again) !== what.value) throw new Error("wrong")`,
  ],
  ["Exceptions that are never thrown", `new Exception(exports.t, [i, 1]); exports.id(new Exception(exports.t, [i, 1]))`],
  [
    "failures",
    `for (const f of [() => exports.id({}), () => new Exception(exports.t, [1n, 1]), () => exports.throwRef(null)]) thrown(f)`,
  ],
] as const) {
  test(`memory stays as it is over a hundred thousand of ${what}`, (t) => {
    t.timeout(240_000);
    const figures: number[] = inChild(
      t,
      `const figures = [];
      for (let round = 0; round < 10; round++) {
        for (let i = 0; i < 10_000; i++) { ${body}; if (i % 500 === 0) { gc(); await new Promise(setImmediate); } }
        await rest(2);
        figures.push(Math.round(process.memoryUsage.rss() / 2 ** 18) / 4);
      }
      print(figures);`,
    );
    t.log(figures.join(" "), "MB");
    // 70,000 leaks of 128 bytes each are more.
    t.true(figures.at(-1)! <= figures[2]! + 8.5, figures.join(" "));
  });
}
