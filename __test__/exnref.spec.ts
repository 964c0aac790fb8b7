// Exceptions as values: as exnref everywhere, and through anyref and externref.

import { Exception, Global, RefType, StructRef, Table, Tag, Trap } from "../index.js";
import { collect, needing, start, thrown, typeError, wrap } from "./helper.js";
import { engine, error, fresh, show } from "./exception-guest.js";

const test = needing("gc");

test("an Exception is the same object as exnref, through calls, tables, globals and fields", (t) => {
  const { exports, store, what } = fresh();
  const struct = RefType.struct(engine, [{ type: "exnref", mutable: true }]);
  for (const exception of [new Exception(exports.t, [1, 2]), thrown(() => exports.throw(3, 4)) as Exception]) {
    t.is(exports.id(exception), exception);
    t.is(exports.some(exception), exception);
    exports.g.value = exception;
    collect();
    t.is(exports.g.value, exception);
    t.is(thrown(exports.rethrow), exception);
    exports.set(exception);
    t.is(exports.table.get(1), exception);
    exports.table.set(0, exception);
    t.is(exports.table.get(exports.table.grow(1, exception)), exception);
    t.is(
      thrown(() => exports.throwRef(exception)),
      exception,
    );
    t.is(wrap(store, ["exnref"], ["exnref"], (x) => x)(exception), exception);
    t.is(new Global(store, { type: "exnref" }, exception).value, exception);
    t.is(new Table(store, { element: "(ref exn)", initial: 1 }, exception).get(0), exception);
    const s = new StructRef(store, struct, [exception]);
    t.is(s.get(0), exception);
    t.is(exports.isNull(exception), 0);
    const tag = new Tag(store, { parameters: ["exnref"] });
    const outer = new Exception(tag, [exception]);
    what.value = outer;
    t.is((thrown(exports.again) as Exception).payload[0], exception);
  }
  what.value = new Exception(exports.t, [5, 6]);
  exports.keep();
  t.is(exports.g.value, what.value);
  exports.payloadRef();
  t.is(exports.g.value, what.value);
});

test("null is an exnref, and throwing it a trap; all else but Exceptions of the store is a TypeError", (t) => {
  const { exports, store } = fresh();
  t.is(exports.id(null), null);
  t.is(exports.isNull(null), 1);
  t.is((thrown(() => exports.throwRef(null)) as Trap).trapCode, "nullReference");
  exports.g.value = null;
  exports.table.set(0, null);
  t.deepEqual([exports.g.value, exports.table.get(0)], [null, null]);
  t.throws(() => exports.some(null), typeError);
  const wrong = [
    error,
    {},
    5,
    undefined,
    exports.t,
    new Trap("x"),
    new StructRef(store, RefType.struct(engine, []), []),
    Symbol("s"),
  ];
  for (const value of wrong) {
    for (const use of [() => exports.id(value), () => void (exports.g.value = value), () => exports.table.set(0, value)]) {
      t.throws(use, typeError, show(value));
    }
  }
});

test("an Exception goes as any value through anyref and externref", (t) => {
  const { exports } = start(`(module (func (export "any") (param anyref) (result anyref) (local.get 0)) (tag (export "t"))
    (func (export "extern") (param externref) (result externref) (local.get 0)) (func (export "eq") (param eqref))
    (func (export "id") (param exnref) (result exnref) (local.get 0)) (func (export "throw") (throw 0)))`);
  const known = new Exception(exports.t, []);
  t.is(exports.id(known), known);
  for (const exception of [new Exception(exports.t, []), known, thrown(() => exports.throw())]) {
    t.is(exports.any(exception), exception);
    t.is(exports.extern(exception), exception);
    t.throws(() => exports.eq(exception), typeError);
  }
});
