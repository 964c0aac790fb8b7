// StructRef: fields of every type, the struct's own type, and what makes one. What goes for arrays alike is here too.

import { ArrayRef, ClosedError, Exception, RefType, type Store, StructRef } from "../index.js";
import { collect, needing, rangeError, start, thrown, typeError, wrap } from "./helper.js";
import { all, bytes, engine, fresh, i32, one, show } from "./ref-guest.js";

const test = needing("gc");

test("fields of every type have what the guest put there, packed ones without a sign", (t) => {
  const s = start(all).exports.make() as StructRef;
  t.true(s instanceof StructRef);
  const numbers = [-1, -2n, 0.5, 0.1, bytes(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4), 255, 65534];
  for (const [i, value] of numbers.entries()) t.deepEqual(s.get(i), value, String(i));
  for (let i = 7; i < 16; i++) t.is(s.get(i), null, String(i));
  t.is(s.get(16).get(0), 7);
  t.is(s.get(16), s.get(16));
  t.deepEqual([s.get(17), s.get(18), s.get(19), s.get(20).get(0)], [null, null, 19, 20]);
  t.is(s.length, 21);
});

test("fields of every type take what a call would, and the guest finds it", (t) => {
  const { exports, store } = start(all);
  const s = exports.make() as StructRef;
  const inner = exports.in(5);
  const ints = exports.ints();
  const object = {};
  const exception = new Exception(exports.tag, []);
  const double = wrap(store, ["i32"], ["i32"], (x) => x * 2);
  const sets: [field: number, given: unknown, becomes?: unknown][] = [
    [0, 2 ** 32 + 5, 5],
    [0, "12", 12],
    [1, 2n ** 64n - 3n, -3n],
    [2, 0.1, Math.fround(0.1)],
    [2, undefined, NaN],
    [3, -0],
    [3, { valueOf: () => 2.5 }, 2.5],
    [5, 300, 44],
    [5, -128, 128],
    [6, 65_537, 1],
    [6, -1, 65_535],
    [7, exports.other],
    [7, null],
    [8, object],
    [8, undefined],
    [8, 7n],
    [8, inner],
    [9, object],
    [9, inner],
    [9, -5],
    [9, s],
    [10, ints],
    [10, -(2 ** 30)],
    [11, 2 ** 30 - 1],
    [12, inner],
    [12, s],
    [13, ints],
    [14, exception],
    [15, inner],
    [15, null],
    [16, inner],
    [17, exports.inc],
    [17, double],
    [18, ints],
  ];
  for (const [field, given, ...becomes] of sets) {
    s.set(field, given);
    collect();
    const wanted = becomes.length > 0 ? becomes[0] : given;
    t.true(Object.is(s.get(field), wanted), `${field}: ${show(given)} is ${show(s.get(field))}`);
  }
  s.set(4, bytes(9, 8, 7, 6, 5));
  t.deepEqual(s.get(4), bytes(9, 8, 7, 6, 5));
  t.deepEqual([exports.lane(s), exports.i64(s), exports.s16(s), exports.call(s, 21)], [5, -3n, -1, 42]);
  s.set(5, 200);
  t.deepEqual([exports.s8(s), exports.u8(s)], [-56, 200]);
  t.is(exports.extern(s), inner);
});

test("a value that a field can't have is a TypeError, and nothing is changed", (t) => {
  const { exports, store } = start(all);
  const s = exports.make() as StructRef;
  const foreign = start(all).exports;
  const inner = exports.in(1);
  s.set(9, inner);
  const symbol = Symbol("s");
  const wrong: [field: number, values: unknown[]][] = [
    [0, [1n, symbol]],
    [1, [1, undefined, symbol]],
    [2, [1n, symbol]],
    [3, [1n]],
    [4, [1, new Uint8Array(15), [], null]],
    [5, [1n, symbol]],
    [7, [undefined, () => 1, inner, foreign.inc, 5]],
    [10, [{}, undefined, 2 ** 30, -0, 0.5, "1", exports.inc, foreign.in(1)]],
    [11, [inner, 2 ** 30, -(2 ** 30) - 1, NaN, -0, true, undefined]],
    [12, [5, {}, exports.ints(), foreign.in(1), undefined]],
    [13, [inner, 5, [], new Uint8Array(1)]],
    [14, [inner, new Error("x"), new Exception(foreign.tag, []), undefined]],
    [15, [s, exports.ints(), {}, 5]],
    [16, [null, s, undefined]],
    [17, [exports.other, wrap(store, ["i64"], ["i32"], () => 1), () => 1]],
    [18, [inner, [1, 2]]],
  ];
  const before = Array.from({ length: s.length }, (_, i) => s.get(i));
  for (const [field, values] of wrong) {
    for (const value of values) t.throws(() => s.set(field, value), { instanceOf: TypeError }, `${field}: ${show(value)}`);
  }
  for (const [i, value] of before.entries()) t.deepEqual(s.get(i), value, String(i));
  t.is(s.get(9), inner);
});

test("a constant refuses to be set, whatever the value, before it is converted", (t) => {
  const s = start(all).exports.make() as StructRef;
  const value = { valueOf: () => t.fail() };
  for (const field of [19, 20]) t.throws(() => s.set(field, value), { ...typeError, message: /constant/ });
  t.is(s.get(19), 19);
});

const places: [given: unknown, error: typeof typeError | typeof rangeError][] = [
  [21, rangeError],
  [-1, rangeError],
  [0.5, rangeError],
  [NaN, rangeError],
  [Infinity, rangeError],
  [2 ** 32, rangeError],
  [2n ** 64n, rangeError],
  [-1n, rangeError],
  ["0", typeError],
  [undefined, typeError],
  [null, typeError],
  [{ valueOf: () => 0 }, typeError],
  [Symbol("s"), typeError],
];
test("a place that a struct or an array does not have is a RangeError, one that is none a TypeError", (t) => {
  const { exports, store } = start(all);
  const s = exports.make() as any;
  const array = new ArrayRef(store, RefType.array(engine, { type: "i32", mutable: true }), new Array(21).fill(5)) as any;
  for (const [place, error] of places) {
    t.throws(() => s.get(place), error, show(place));
    t.throws(() => s.set(place, 0), error, show(place));
    t.throws(() => array.get(place), error, show(place));
    t.throws(() => array.set(place, 0), error, show(place));
  }
  t.throws(() => exports.ints().get(2), { ...rangeError, message: /has 2/ });
  t.deepEqual([s.get(0n), s.get(-0), array.get(20n)], [-1, -1, 5]);
});

test("a struct's type is of the very struct, also where it goes by a supertype", (t) => {
  const { exports } =
    start(`(module (type $a (sub (struct (field i32)))) (type $b (sub $a (struct (field i32) (field (mut i64)))))
    (func (export "make") (result (ref $a)) (struct.new $b (i32.const 1) (i64.const 2)))
    (func (export "id") (param (ref null $a)) (result (ref null $a)) (local.get 0))
    (func (export "down") (param (ref $b)) (result i64) (struct.get $b 1 (local.get 0))))`);
  const b = exports.make() as StructRef;
  t.deepEqual([b.length, b.type.nullable, b.get(1)], [2, false, 2n]);
  t.is(String(b.type), "(ref (struct (field i32) (field (mut i64))))");
  t.is(exports.id(b), b);
  const base = RefType.struct(engine, [i32], { final: false });
  const { store } = start("(module)");
  t.true(new StructRef(store, base, [1]).type.matches(base));
  t.true(b.type.matches(base));
  t.throws(() => exports.down(exports.id(b).get(0)), typeError);
  t.is(exports.down(exports.id(b)), 2n);
});

test("a struct of a supertype is no value of the subtype", (t) => {
  const { exports, store } =
    start(`(module (type $a (sub (struct (field i32)))) (type $b (sub $a (struct (field i32) (field i64))))
    (func (export "b") (param (ref null $b))) (func (export "a") (param (ref null $a))))`);
  const base = RefType.struct(engine, [i32], { final: false });
  const sub = RefType.struct(engine, [i32, { type: "i64" }], { final: false, supertype: base });
  const [a, b] = [new StructRef(store, base, [1]), new StructRef(store, sub, [1, 2n])];
  exports.a(a);
  exports.a(b);
  exports.b(b);
  t.throws(() => exports.b(a), { ...typeError, message: /not of type \(ref null \(struct/ });
  t.throws(
    () => exports.b(new StructRef(store, RefType.struct(engine, [i32, { type: "i64" }]), [1, 2n])),
    typeError,
    "final, so another type",
  );
});

test("new StructRef takes any iterable of as many values as there are fields", (t) => {
  const store = fresh();
  const two = RefType.struct(engine, [{ type: "i8" }, { type: "externref" }]);
  const values = ["5", one];
  for (const given of [
    values,
    new Set(values),
    values.values(),
    (function* () {
      yield* values;
    })(),
    { [Symbol.iterator]: () => values[Symbol.iterator]() },
  ]) {
    const s = new StructRef(store, two, given);
    t.deepEqual([s.get(0), s.get(1)], [5, one]);
  }
  t.is(new StructRef(store, RefType.struct(engine, []), []).length, 0);
  t.is(new StructRef(store, RefType.struct(engine, [{ type: "i8" }], { nullable: false }), [511]).get(0), 255);
  const wide = new StructRef(
    store,
    RefType.struct(engine, new Array(2000).fill(i32)),
    Array.from({ length: 2000 }, (_, i) => i),
  );
  t.deepEqual([wide.length, wide.get(0), wide.get(1999)], [2000, 0, 1999]);
});

const wrongStructs: [what: string, make: (store: Store) => unknown, error: object][] = [
  ["too few values", (store) => new StructRef(store, one, []), rangeError],
  ["too many values", (store) => new StructRef(store, one, [1, 2]), rangeError],
  ["values that are no iterable", (store) => new StructRef(store, one, { length: 1, 0: 1 } as any), typeError],
  ["no values", (store) => new (StructRef as any)(store, one), typeError],
  ["null for values", (store) => new StructRef(store, one, null as any), typeError],
  ["a value that does not convert", (store) => new StructRef(store, one, [1n]), { instanceOf: TypeError }],
  ["null where it can't be", (store) => new StructRef(store, RefType.struct(engine, [{ type: "(ref any)" }]), [null]), typeError],
  ["a value of another type", (store) => new StructRef(store, RefType.struct(engine, [{ type: "i31ref" }]), [{}]), typeError],
  ["the name of a type", (store) => new StructRef(store, "structref" as any, [1]), typeError],
  ["the type of an array", (store) => new StructRef(store, RefType.array(engine, i32), [1]), { ...typeError, message: /struct/ }],
  [
    "the type of a function",
    (store) => new StructRef(store, RefType.func(engine, { parameters: [], results: [] }), []),
    typeError,
  ],
  ["no store", () => new StructRef(engine as any, one, [1]), typeError],
  ["no arguments", () => new (StructRef as any)(), typeError],
  ["no new", (store) => (StructRef as any)(store, one, [1]), typeError],
  ["another class's new", (store) => Reflect.construct(StructRef, [store, one, [1]], Object), typeError],
  ["an array of a string, which is no object", (store) => new ArrayRef(store, RefType.array(engine, i32), "123"), typeError],
  ["an array of the type of a struct", (store) => new ArrayRef(store, one, [1]), { ...typeError, message: /array/ }],
  ["an array of values that are no iterable", (store) => new ArrayRef(store, RefType.array(engine, i32), 3 as any), typeError],
  [
    "an array with a value that does not convert",
    (store) => new ArrayRef(store, RefType.array(engine, i32), [1, 2, Symbol("s")]),
    { instanceOf: TypeError },
  ],
  [
    "an array with null where it can't be",
    (store) => new ArrayRef(store, RefType.array(engine, { type: "(ref extern)" }), ["a", null]),
    typeError,
  ],
];
for (const [what, make, error] of wrongStructs) {
  test(`making a struct or an array refuses ${what}`, (t) => {
    const store = fresh();
    t.throws(() => make(store), error);
    t.is(new StructRef(store, one, [5]).get(0), 5, "the store is in order");
  });
}

test("what an iterator or a conversion throws comes out of making a struct", (t) => {
  const error = new Error("mine");
  const fail = (): never => {
    throw error;
  };
  for (const values of [{ [Symbol.iterator]: fail }, { [Symbol.iterator]: () => ({ next: fail }) }, [{ valueOf: fail }]]) {
    t.is(
      thrown(() => new StructRef(fresh(), one, values as any)),
      error,
    );
  }
});

test("a conversion may use the same store, or dispose it: then making and setting are refused", (t) => {
  const { exports, store } = start(all);
  const values = [{ valueOf: () => exports.inc(exports.in(40).get(0)) }];
  t.is(new StructRef(store, one, values as any).get(0), 41);
  const s = exports.make();
  s.set(0, { valueOf: () => (s.set(0, 5), s.get(0) + 1) });
  t.is(s.get(0), 6);
  const dispose = { valueOf: () => (store.dispose(), 1) };
  t.throws(() => s.set(0, dispose), { instanceOf: ClosedError });
  const closed = [
    (victim: Store) => new StructRef(victim, one, [{ valueOf: () => (victim.dispose(), 1) }]),
    (victim: Store) =>
      new StructRef(
        victim,
        one,
        (function* () {
          victim.dispose();
          yield 1;
        })(),
      ),
    (victim: Store) => new ArrayRef(victim, RefType.array(engine, i32), [1, { valueOf: () => (victim.dispose(), 1) }, 3]),
  ];
  for (const make of closed) t.throws(() => make(fresh()), { instanceOf: ClosedError }, String(make));
});

test("methods and accessors of structs, arrays and types refuse objects of other classes", (t) => {
  const store = fresh();
  const objects = [
    new StructRef(store, one, [1]),
    new ArrayRef(store, RefType.array(engine, i32), [1]),
    one,
    store,
    {},
    null,
    undefined,
    5,
  ];
  for (const [index, owner] of [StructRef, ArrayRef, RefType].entries()) {
    for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(owner.prototype))) {
      if (name === "constructor") continue;
      for (const [i, object] of objects.entries()) {
        if (i !== index)
          t.throws(() => (get ?? value).call(object, 0, 0), { instanceOf: TypeError }, `${owner.name}.${name} ${show(object)}`);
      }
    }
  }
});

test("a subclass of StructRef makes structs, which come back as themselves", (t) => {
  class Point extends StructRef {
    get x() {
      return this.get(0);
    }
  }
  const { exports, store } = start('(module (func (export "id") (param anyref) (result anyref) (local.get 0)))');
  const point = new Point(store, one, [3]);
  t.is(exports.id(point), point);
  t.is(exports.id(point).x, 3);
});
