// Tags: what they are imported as, and jsTag, the one that each store has for JavaScript's own values.

import { ClosedError, Exception, Instance, LinkError, Linker, RefType, Store, StructRef, Tag } from "../index.js";
import { needing, start, thrown, typeError } from "./helper.js";
import { engine, error, fresh, ordinary, show } from "./exception-guest.js";

const test = needing("gc");

test("tags are imported by their very type, and described", (t) => {
  const { store, module, exports } = fresh();
  t.deepEqual(
    module.imports.find(({ kind }) => kind === "tag"),
    { module: "env", name: "js", kind: "tag", type: { parameters: ["externref"] } },
  );
  t.deepEqual(
    module.exports.find(({ name }) => name === "t"),
    { name: "t", kind: "tag", type: { parameters: ["i32", "f64"] } },
  );
  t.deepEqual(exports.t.type, { parameters: ["i32", "f64"] });
  const f = () => {};
  for (const js of [
    exports.t,
    new Tag(store, { parameters: [] }),
    new Tag(store, { parameters: ["anyref"] }),
    {},
    undefined,
    exports.g,
  ]) {
    t.throws(() => new Instance(store, module, { env: { f, js } }), { instanceOf: LinkError }, show(js));
  }
  t.throws(() => new Instance(store, module, { env: { f, js: fresh().exports.t } }), typeError);
  t.throws(() => new Linker(engine).define("a", "b", exports.t).define("a", "c", fresh().exports.t), typeError);
});

test("what a guest throws with jsTag is what JavaScript gets", (t) => {
  const { exports, what } = fresh();
  const exception = new Exception(exports.none, []);
  const struct = new StructRef(start("(module)").store, RefType.struct(engine, []), []);
  for (const value of [...ordinary, exception, struct, exports.throw]) {
    t.true(
      Object.is(
        thrown(() => exports.throwJs(value)),
        value,
      ),
      show(value),
    );
    what.run = () => exports.throwJs(value);
    t.is(exports.all(), 1);
    // An Exception that passes JavaScript is one of its own tag again.
    if (value === exception) t.is(exports.which(), 3);
    else t.true(Object.is(exports.js(), value), show(value));
  }
});

test("jsTag is one tag per store, which takes part in everything but in Exceptions", (t) => {
  const { exports, store, module } = fresh();
  t.is(store.jsTag, store.jsTag);
  t.true(store.jsTag instanceof Tag);
  t.deepEqual(store.jsTag.type, { parameters: ["externref"] });
  t.throws(() => new Exception(store.jsTag, [1]), { ...typeError, message: /throw the value itself/ });
  const other = new Store(engine);
  t.not(other.jsTag, store.jsTag);
  t.throws(() => new Instance(other, module, { env: { f() {}, js: store.jsTag } }), typeError);
  const linker = new Linker(engine)
    .define("env", "js", store.jsTag)
    .defineFunc("env", "f", { parameters: [], results: [] }, () => {
      throw error;
    });
  t.is(linker.get(store, "env", "js"), store.jsTag);
  t.is(linker.instantiate(store, module).exports.js(), error);
  store.dispose();
  t.throws(() => store.jsTag, { instanceOf: ClosedError });
  t.truthy(exports);
});

test("a tag of the same type as jsTag is another tag", (t) => {
  const { module, store } = fresh();
  const tag = new Tag(store, { parameters: ["externref"] });
  let value: unknown;
  const { exports } = new Instance(store, module, {
    env: {
      js: tag,
      f: () => {
        throw value;
      },
    },
  });
  value = error;
  t.is(
    thrown(() => exports.js()),
    error,
  );
  value = new Exception(tag, [error]);
  t.is(exports.js(), error);
  t.deepEqual((thrown(() => exports.throwJs(error)) as Exception).payload, [error]);
});
