// Structs, arrays, types that modules define, and the family of anyref: what crosses as which object, and for how long.

import test from "ava";
import {
  ArrayRef,
  ClosedError,
  Engine,
  Exception,
  Global,
  Instance,
  LinkError,
  Linker,
  RefType,
  Store,
  StructRef,
  Table,
  Tag,
  features,
} from "../index.js";
import { artifact, collect, engineOf, load, nodeJson, rangeError, start, thrown, typeError, wrap } from "./helper.js";

const engine = engineOf();
const fresh = () => new Store(engine);
const show = (value: unknown) =>
  typeof value === "object" && value !== null ? (value.constructor?.name ?? "object") : `${typeof value} ${String(value)}`;
const bytes = (...list: number[]) => Uint8Array.from({ length: 16 }, (_, i) => list[i] ?? 0);

test("a build with gc has structs", (t) => {
  t.true(features.has("gc"), "all of these specs are about it");
});

// ---- types

const typed = `(module
  (rec (type $point (struct (field (mut f64)) (field (mut f64)))))
  (type $packed (sub (struct (field i8) (field (mut i16)) (field (ref null $point)))))
  (type $sub (sub final $packed (struct (field i8) (field (mut i16)) (field (ref $point)) (field externref))))
  (type $list (array (mut (ref null $list))))
  (type $f (func (param i32 (ref $point)) (result (ref null $list))))
  (import "env" "p" (global (ref null $point)))
  (import "env" "f" (func (param (ref $packed)) (result (ref $sub))))
  (import "env" "t" (table 1 (ref null $f)))
  (import "env" "e" (tag (param (ref null $point) i31ref)))
  (func (export "i") (param (ref $list) (ref null i31) (ref eq)) (unreachable))
  (global (export "g") (mut (ref null $sub)) (ref.null $sub))
  (table (export "u") 1 (ref null $list)))`;

test("imports and exports have types of the module's own as RefTypes, abstract ones as names", (t) => {
  const { module } = load(typed);
  const [p, f, table, tag] = module.imports as any[];
  for (const type of [p.type.type, ...f.type.parameters, ...f.type.results, table.type.element, tag.type.parameters[0]]) {
    t.true(type instanceof RefType);
  }
  t.is(String(p.type.type), "(ref null (struct (field (mut f64)) (field (mut f64))))");
  t.is(p.type.mutable, false);
  t.is(
    String(f.type.parameters[0]),
    "(ref (struct (field i8) (field (mut i16)) (field (ref null (struct (field (mut f64)) (field (mut f64)))))))",
  );
  t.deepEqual([table.type.element.kind, table.type.element.nullable], ["function", true]);
  t.is(tag.type.parameters[1], "i31ref");
  const [i, g, u] = module.exports as any[];
  t.deepEqual(i.type.parameters.map(String).slice(1), ["i31ref", "(ref eq)"]);
  t.is(g.type.type.fields.length, 4);
  t.true(u.type.element.matches("arrayref"));
  t.is(JSON.parse(JSON.stringify(module.imports))[0].type.type, String(p.type.type));
});

test("a RefType says kind, null, fields, parameters and results", (t) => {
  const point = RefType.struct(engine, [{ type: "f64", mutable: true }, { type: "i8" }], { nullable: false });
  t.deepEqual([point.kind, point.nullable, point.parameters, point.results], ["struct", false, undefined, undefined]);
  t.deepEqual(point.fields, [
    { type: "f64", mutable: true },
    { type: "i8", mutable: false },
  ]);
  const array = RefType.array(engine, { type: point });
  t.deepEqual([array.kind, array.nullable, array.fields?.length], ["array", true, 1]);
  t.is(String(array.fields?.[0]?.type), String(point));
  const func = RefType.func(engine, { parameters: ["i32", array], results: ["exnref"] });
  t.deepEqual([func.kind, func.fields, func.results], ["function", undefined, ["exnref"]]);
  t.deepEqual(func.parameters?.map(String), ["i32", String(array)]);
  t.is(func.toString(), `(ref null (func (param i32) (param ${String(array)}) (result exnref)))`);
  t.is(JSON.stringify({ func }), JSON.stringify({ func: String(func) }));
});

const names: [given: string, is: string][] = [
  ...[
    "funcref",
    "externref",
    "anyref",
    "eqref",
    "i31ref",
    "structref",
    "arrayref",
    "exnref",
    "nullref",
    "nullfuncref",
    "nullexternref",
    "nullexnref",
  ].map((name): [string, string] => [name, name]),
  ["anyfunc", "funcref"],
  ["(ref null any)", "anyref"],
  ["(ref null i31)", "i31ref"],
  ["(ref null none)", "nullref"],
  ["(ref null exn)", "exnref"],
  ["(ref any)", "(ref any)"],
  ["(ref eq)", "(ref eq)"],
  ["(ref noextern)", "(ref noextern)"],
];
test("every name of an abstract type is known, long or short, and has one form", (t) => {
  for (const [given, is] of names) t.deepEqual(new Tag(fresh(), { parameters: [given] }).type.parameters, [is], given);
});

test("names that are none, and values that are no types, are a TypeError", (t) => {
  const wrong = [
    "",
    "any",
    "ref",
    "(ref)",
    "(ref )",
    "(ref null)",
    "(ref any",
    "ref any)",
    "(ref  any)",
    "(ref null null any)",
    "(ref anyref)",
  ];
  for (const type of [
    ...wrong,
    " i32",
    "I32",
    "i8",
    "i16",
    "i32\0",
    "__proto__",
    "…",
    5,
    null,
    undefined,
    {},
    [],
    () => 1,
    Symbol("s"),
    1n,
    engine,
  ]) {
    t.throws(() => new Tag(fresh(), { parameters: [type as any] }), typeError, show(type));
    t.throws(() => new Global(fresh(), { type: type as any }), typeError, show(type));
    t.throws(() => new Table(fresh(), { element: type as any, initial: 0 }), typeError, show(type));
    t.throws(() => wrap(fresh(), [type as any], [], () => {}), typeError, show(type));
  }
});

const i32 = { type: "i32" };
const refused: [what: string, make: () => unknown][] = [
  ["fields that are no array", () => RefType.struct(engine, 5 as any)],
  ["fields that only look like an array", () => RefType.struct(engine, { length: 1, 0: i32 } as any)],
  ["no fields", () => (RefType as any).struct(engine)],
  ["a field that is none", () => RefType.struct(engine, [null as any])],
  ["a field without a type", () => RefType.struct(engine, [{} as any])],
  ["a field of a wrong type", () => RefType.struct(engine, [{ type: "i4" }])],
  ["a mutable that is no boolean", () => RefType.struct(engine, [{ type: "i32", mutable: 1 as any }])],
  ["a field with a hole in the list", () => RefType.struct(engine, new Array(1))],
  ["too many fields", () => RefType.struct(engine, new Array(10_001).fill(i32))],
  ["a field of another engine", () => RefType.struct(engine, [{ type: RefType.struct(new Engine(), []) }])],
  ["an element that is none", () => RefType.array(engine, "i32" as any)],
  ["a function type that is none", () => RefType.func(engine, {} as any)],
  ["a packed parameter", () => RefType.func(engine, { parameters: ["i8"], results: [] })],
  ["an unknown option", () => RefType.struct(engine, [], { mutable: true } as any)],
  ["an option that is no boolean", () => RefType.struct(engine, [], { nullable: 1 as any })],
  ["options that are none", () => RefType.struct(engine, [], 5 as any)],
  ["a final supertype", () => RefType.struct(engine, [i32], { supertype: RefType.struct(engine, [i32]) })],
  ["a supertype that is none", () => RefType.struct(engine, [i32], { supertype: "structref" as any })],
  [
    "a supertype of another kind",
    () => RefType.struct(engine, [i32], { supertype: RefType.array(engine, i32, { final: false }) }),
  ],
  [
    "a supertype of another engine",
    () => RefType.struct(engine, [], { supertype: RefType.struct(new Engine(), [], { final: false }) }),
  ],
  [
    "fewer fields than the supertype",
    () => RefType.struct(engine, [], { supertype: RefType.struct(engine, [i32], { final: false }) }),
  ],
  [
    "a field that the supertype can change and has another type for",
    () =>
      RefType.struct(engine, [{ type: "i31ref", mutable: true }], {
        supertype: RefType.struct(engine, [{ type: "anyref", mutable: true }], { final: false }),
      }),
  ],
  [
    "an array of another element than the supertype",
    () => RefType.array(engine, { type: "i16" }, { supertype: RefType.array(engine, { type: "i8" }, { final: false }) }),
  ],
  [
    "a function with other results than the supertype",
    () =>
      RefType.func(
        engine,
        { parameters: [], results: ["i32"] },
        { supertype: RefType.func(engine, { parameters: [], results: [] }, { final: false }) },
      ),
  ],
  ["no engine", () => RefType.struct({} as any, [])],
  ["new", () => new (RefType as any)()],
];
for (const [what, make] of refused) {
  test(`making a RefType is a TypeError for ${what}`, (t) => {
    t.throws(make, typeError);
  });
}

test("what a getter of a field throws comes out of making a RefType", (t) => {
  const error = new Error("mine");
  const field = {
    get type(): never {
      throw error;
    },
  };
  t.is(
    thrown(() => RefType.struct(engine, [field])),
    error,
  );
  t.is(
    thrown(() => RefType.array(engine, field)),
    error,
  );
});

test("matches follows subtyping, null and structure", (t) => {
  const base = RefType.struct(engine, [{ type: "anyref" }], { final: false });
  const strict = RefType.struct(engine, [{ type: "anyref" }], { final: false, nullable: false });
  const sub = RefType.struct(engine, [{ type: "i31ref" }, { type: "i32" }], { supertype: base, final: false });
  const leaf = RefType.struct(engine, [{ type: "i31ref" }, { type: "i32" }, { type: "v128" }], { supertype: sub });
  const closed = RefType.struct(engine, [{ type: "anyref" }]);
  const f = RefType.func(engine, { parameters: ["i31ref"], results: ["anyref"] }, { final: false });
  const g = RefType.func(engine, { parameters: ["anyref"], results: ["i31ref"] }, { supertype: f });
  const yes: [RefType, unknown][] = [
    [base, base],
    [base, RefType.struct(engine, [{ type: "anyref" }], { final: false })],
    [strict, base],
    [sub, base],
    [leaf, base],
    [leaf, sub],
    [g, f],
    [base, "structref"],
    [base, "eqref"],
    [base, "anyref"],
    [strict, "(ref struct)"],
    [f, "funcref"],
    [RefType.array(engine, { type: "i8" }), "arrayref"],
  ];
  const no: [RefType, unknown][] = [
    [base, strict],
    [base, sub],
    [sub, leaf],
    [base, closed],
    [closed, base],
    [f, g],
    [base, "(ref struct)"],
    [base, "i31ref"],
    [base, "arrayref"],
    [base, "nullref"],
    [base, "externref"],
    [base, "funcref"],
    [base, "i32"],
    [f, "anyref"],
    [f, "exnref"],
  ];
  for (const [a, b] of yes) t.true(a.matches(b as RefType), `${String(a)} ${String(b)}`);
  for (const [a, b] of no) t.false(a.matches(b as RefType), `${String(a)} ${String(b)}`);
  for (const wrong of ["nope", 5, null, undefined, {}, base.fields])
    t.throws(() => base.matches(wrong as any), typeError, show(wrong));
  t.throws(() => base.matches(RefType.struct(new Engine(), [{ type: "anyref" }], { final: false })), {
    ...typeError,
    message: /another engine/,
  });
});

test("a module's type is the one of the same structure made here", (t) => {
  const point = RefType.struct(engine, [
    { type: "f64", mutable: true },
    { type: "f64", mutable: true },
  ]);
  const [p] = load(typed).module.imports as any[];
  t.true(point.matches(p.type.type) && p.type.type.matches(point));
  t.false(RefType.struct(engine, [{ type: "f64" }, { type: "f64" }]).matches(p.type.type));
});

test("types that contain themselves and each other are printed, with an end", (t) => {
  const { module } = load(`(module
    (rec (type $a (struct (field (ref null $b)) (field (mut (ref null $a)))))
      (type $b (array (mut (ref null $a)))) (type $f (func (param (ref $f)) (result (ref null $a)))))
    (type $list (array (mut (ref null $list))))
    (global (export "a") (ref null $a) (ref.null $a)) (global (export "b") (ref null $b) (ref.null $b))
    (global (export "f") (ref null $f) (ref.null $f)) (global (export "list") (ref null $list) (ref.null $list)))`);
  const types = module.exports.map((item: any) => item.type.type as RefType);
  for (const type of types) {
    const text = String(type);
    t.true(text.includes("…") && text.length < 2000, text);
    t.is(text.split("(").length, text.split(")").length, text);
    t.is(JSON.stringify(type), JSON.stringify(text));
  }
  const [a, b, f, list] = types as [RefType, RefType, RefType, RefType];
  t.is(
    String(list),
    "(ref null (array (mut (ref null (array (mut (ref null (array (mut (ref null (array (mut (ref null …)))))))))))))",
  );
  t.deepEqual([a.matches("structref"), b.matches("arrayref"), f.matches("funcref")], [true, true, true]);
  const inner = a.fields![0]!.type as RefType;
  t.true(inner.matches(b) && b.matches(inner));
  t.true((inner.fields![0]!.type as RefType).matches(a), "round and round");
});

test("types of imports and exports go into everything that takes a type, and what is made links", (t) => {
  const { module } = load(typed);
  const [p, f, table, tag] = module.imports as any[];
  const store = fresh();
  const given = {
    p: new Global(store, p.type),
    f: wrap(store, f.type.parameters, f.type.results, (x) => x),
    t: new Table(store, table.type),
    e: new Tag(store, tag.type),
  };
  const { exports } = new Instance(store, module, { env: given });
  t.is(exports.g.value, null);
  t.is(exports.u.get(0), null);
  t.is(String(given.p.type.type), String(p.type.type));
  t.is(String(given.t.type.element), String(table.type.element));
  t.is(String(given.e.type.parameters[0]), String(tag.type.parameters[0]));
  const linker = new Linker(engine).defineFunc("env", "f", f.type, (x) => x);
  for (const name of ["p", "t", "e"] as const) linker.define("env", name, given[name]);
  t.is(linker.instantiate(store, module).exports.g.value, null);
  const anyPoint = RefType.struct(engine, [{ type: "f64" }]);
  const wrong = {
    p: new Global(store, { type: anyPoint }),
    f: wrap(store, [anyPoint as any], f.type.results, (x) => x),
    t: new Table(store, { element: anyPoint, initial: 1 }),
    e: new Tag(store, { parameters: [anyPoint, "i31ref"] }),
  };
  for (const [name, value] of Object.entries(wrong)) {
    t.throws(() => new Instance(store, module, { env: { ...given, [name]: value } }), { instanceOf: LinkError }, name);
  }
});

test("a RefType of another engine is a TypeError wherever a type or an object is made", (t) => {
  const foreign = RefType.struct(new Engine(), [{ type: "i32" }]);
  const store = fresh();
  const uses = [
    () => new StructRef(store, foreign, [1]),
    () => new ArrayRef(store, RefType.array(new Engine(), i32), []),
    () => new Global(store, { type: foreign }),
    () => new Table(store, { element: foreign, initial: 1 }),
    () => new Tag(store, { parameters: [foreign] }),
    () => wrap(store, [foreign as any], [], () => {}),
    () => new Linker(engine).defineFunc("a", "b", { parameters: [], results: [foreign] }, () => null),
    () => RefType.func(engine, { parameters: [foreign], results: [] }),
  ];
  for (const use of uses) t.throws(use, { ...typeError, message: /another engine/ }, String(use));
});

// ---- structs

const all = `(module
  (type $in (struct (field (mut i32))))
  (type $f (func (param i32) (result i32)))
  (type $ints (array (mut i32)))
  (type $all (struct (field (mut i32)) (field (mut i64)) (field (mut f32)) (field (mut f64)) (field (mut v128)) (field (mut i8))
    (field (mut i16)) (field (mut funcref)) (field (mut externref)) (field (mut anyref)) (field (mut eqref)) (field (mut i31ref))
    (field (mut structref)) (field (mut arrayref)) (field (mut exnref)) (field (mut (ref null $in))) (field (mut (ref $in)))
    (field (mut (ref null $f))) (field (mut (ref null $ints))) (field i32) (field (ref $in))))
  (tag $tag (export "tag"))
  (func $inc (export "inc") (type $f) (i32.add (local.get 0) (i32.const 1)))
  (func (export "other") (param i64))
  (func (export "in") (param i32) (result (ref $in)) (struct.new $in (local.get 0)))
  (func (export "ints") (result (ref $ints)) (array.new_fixed $ints 2 (i32.const 1) (i32.const 2)))
  (func (export "make") (result (ref $all)) (struct.new $all (i32.const -1) (i64.const -2) (f32.const 0.5) (f64.const 0.1)
    (v128.const i32x4 1 2 3 4) (i32.const -1) (i32.const -2) (ref.null func) (ref.null extern) (ref.null any) (ref.null eq)
    (ref.null i31) (ref.null struct) (ref.null array) (ref.null exn) (ref.null $in) (struct.new $in (i32.const 7)) (ref.null $f)
    (ref.null $ints) (i32.const 19) (struct.new $in (i32.const 20))))
  (func (export "s8") (param (ref $all)) (result i32) (struct.get_s $all 5 (local.get 0)))
  (func (export "u8") (param (ref $all)) (result i32) (struct.get_u $all 5 (local.get 0)))
  (func (export "s16") (param (ref $all)) (result i32) (struct.get_s $all 6 (local.get 0)))
  (func (export "i64") (param (ref $all)) (result i64) (struct.get $all 1 (local.get 0)))
  (func (export "lane") (param (ref $all)) (result i32) (i32x4.extract_lane 1 (struct.get $all 4 (local.get 0))))
  (func (export "call") (param (ref $all) i32) (result i32) (call_ref $f (local.get 1) (struct.get $all 17 (local.get 0))))
  (func (export "extern") (param (ref $all)) (result externref) (struct.get $all 8 (local.get 0)))
  (elem declare func $inc))`;

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

const one = RefType.struct(engine, [{ type: "i32", mutable: true }]);
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

// ---- arrays

const elements: [type: string, given: unknown[], becomes: unknown[]][] = [
  ["i8", [0, 255, 256, -1, "7"], [0, 255, 0, 255, 7]],
  ["i16", [65_535, 65_536, -1], [65_535, 0, 65_535]],
  ["i32", [2 ** 31, 1.9, null, undefined], [-(2 ** 31), 1, 0, 0]],
  ["i64", [2n ** 63n, -1n, "5"], [-(2n ** 63n), -1n, 5n]],
  ["f32", [0.1, 1e300, -0], [Math.fround(0.1), Infinity, -0]],
  ["f64", [0.1, NaN, -0], [0.1, NaN, -0]],
  ["externref", [null, undefined, engine, "s", 5, -0], [null, undefined, engine, "s", 5, -0]],
  ["anyref", [null, undefined, engine, 7n, true], [null, undefined, engine, 7n, true]],
  ["i31ref", [null, 0, -1], [null, 0, -1]],
];
for (const [type, given, becomes] of elements) {
  test(`an array of ${type} has the values it was made of, and takes others`, (t) => {
    const store = fresh();
    const ty = RefType.array(engine, { type, mutable: true });
    const array = new ArrayRef(store, ty, given);
    collect();
    t.is(array.length, given.length);
    for (const [i, value] of becomes.entries()) t.true(Object.is(array.get(i), value), `${i}: ${show(array.get(i))}`);
    for (const [i, value] of [...given].reverse().entries()) array.set(i, value);
    for (const [i, value] of [...becomes].reverse().entries())
      t.true(Object.is(array.get(i), value), `${i}: ${show(array.get(i))}`);
    t.true(array.type.matches(ty));
    t.false(array.type.nullable);
    const constant = new ArrayRef(store, RefType.array(engine, { type }), given);
    t.throws(() => constant.set(0, given[0]), { ...typeError, message: /constant/ });
    t.throws(() => constant.set(given.length, given[0]), rangeError);
  });
}

test("an array of v128, of nested arrays and of functions", (t) => {
  const { exports, store } = start(all);
  const vectors = new ArrayRef(store, RefType.array(engine, { type: "v128", mutable: true }), [bytes(1), bytes(2)]);
  vectors.set(0, vectors.get(1));
  t.deepEqual([vectors.get(0), vectors.get(1)], [bytes(2), bytes(2)]);
  const ints = RefType.array(engine, { type: "i32", mutable: true });
  const nested = new ArrayRef(store, RefType.array(engine, { type: ints, mutable: true }), [exports.ints(), null]);
  t.is(nested.get(0).get(1), 2);
  nested.set(1, nested.get(0));
  t.is(nested.get(1), nested.get(0));
  nested.get(1).set(0, 9);
  t.is(nested.get(0).get(0), 9);
  t.throws(() => nested.set(0, nested), typeError);
  t.throws(() => nested.set(0, [1]), typeError);
  const functions = new ArrayRef(store, RefType.array(engine, { type: "funcref", mutable: true }), [exports.inc, null]);
  t.is(functions.get(0), exports.inc);
  t.is(functions.get(0)(1), 2);
});

test("arrays are made of bytes, sets and generators, also of none and of many values", (t) => {
  const { exports, store } = start(`(module (type $b (array i8)) (type $i (array (mut i32)))
    (func (export "sum") (param (ref $b)) (result i32) (local i32 i32)
      (loop (if (i32.lt_u (local.get 1) (array.len (local.get 0))) (then
        (local.set 2 (i32.add (local.get 2) (array.get_u $b (local.get 0) (local.get 1))))
        (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br 1)))) (local.get 2))
    (func (export "big") (param i32) (result (ref $i)) (array.new $i (i32.const 3) (local.get 0))))`);
  const type = RefType.array(engine, { type: "i8" });
  t.is(exports.sum(new ArrayRef(store, type, Buffer.from("hello"))), 532);
  t.is(exports.sum(new ArrayRef(store, type, new Set(["1", "2", "3"]))), 6);
  t.is(exports.sum(new ArrayRef(store, type, new Map([["5", 1]]).keys())), 5);
  t.is(exports.sum(new ArrayRef(store, type, [])), 0);
  t.is(exports.sum(new ArrayRef(store, type, new Uint8Array(50_000).fill(2))), 100_000);
  const empty = new ArrayRef(store, type, []);
  t.is(empty.length, 0);
  t.throws(() => empty.get(0), rangeError);
  const big = exports.big(3_000_000) as ArrayRef;
  big.set(2_999_999, 8);
  t.deepEqual([big.length, big.get(2_999_999), big.get(2_999_998)], [3_000_000, 8, 3]);
});

test("structs and arrays beyond the store's limit are a MemoryLimitError, and the store goes on", (t) => {
  const store = new Store(engine, { limits: { memoryBytes: 1 << 20 } });
  const type = RefType.array(engine, { type: "i64" });
  const kept: unknown[] = [];
  const error = thrown(() => {
    for (;;) kept.push(new ArrayRef(store, type, new Array(1000).fill(0n)));
  }) as any;
  t.is(error.code, "ERR_WASMTIME_MEMORY_LIMIT", String(error));
  t.true(kept.length > 50 && kept.length < 131, String(kept.length));
  t.is((kept[0] as ArrayRef).get(999), 0n);
  t.is(new Global(store, { type: "i32" }, 5).value, 5);
});

// ---- identity

const identity = `(module
  (type $s (struct (field (mut i32)) (field (mut anyref)) (field (mut externref))))
  (import "env" "f" (func $f (param (ref null $s) anyref externref) (result (ref null $s))))
  (global $g (export "g") (mut anyref) (ref.null any))
  (table $t (export "t") 4 (ref null $s))
  (table $e (export "e") 4 externref)
  (tag $x (export "x") (param (ref null $s)))
  (func (export "make") (param i32) (result (ref $s)) (struct.new $s (local.get 0) (ref.null any) (ref.null extern)))
  (func (export "id") (param (ref null $s)) (result (ref null $s)) (local.get 0))
  (func (export "any") (param anyref) (result anyref) (local.get 0))
  (func (export "extern") (param externref) (result externref) (local.get 0))
  (func (export "toAny") (param externref) (result anyref) (any.convert_extern (local.get 0)))
  (func (export "toExtern") (param anyref) (result externref) (extern.convert_any (local.get 0)))
  (func (export "call") (param (ref null $s)) (result (ref null $s))
    (call $f (local.get 0) (local.get 0) (extern.convert_any (local.get 0))))
  (func (export "throw") (param (ref null $s)) (throw $x (local.get 0)))
  (func (export "same") (param eqref eqref) (result i32) (ref.eq (local.get 0) (local.get 1)))
  (func (export "two") (param (ref null $s)) (result (ref null $s) anyref externref) (local.get 0) (local.get 0) (extern.convert_any (local.get 0)))
  (func (export "garbage") (param i32)
    (loop (drop (struct.new $s (local.get 0) (ref.null any) (ref.null extern))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`;

test("the same struct is the same object, whichever way it comes", (t) => {
  const seen: unknown[] = [];
  const { exports, store } = start(identity, { env: { f: (...args: unknown[]) => (seen.push(...args), args[0]) } });
  const s = exports.make(1) as StructRef;
  t.is(exports.id(s), s);
  t.is(exports.any(s), s);
  t.is(exports.extern(s), s);
  t.is(exports.toAny(s), s);
  t.is(exports.toExtern(s), s);
  t.is(exports.toAny(exports.toExtern(s)), s);
  t.deepEqual(
    exports.two(s).map((x: unknown) => x === s),
    [true, true, true],
  );
  t.is(exports.call(s), s);
  t.deepEqual(
    seen.map((x) => x === s),
    [true, true, true],
  );
  exports.g.value = s;
  t.is(exports.g.value, s);
  exports.t.set(1, s);
  t.is(exports.t.get(1), s);
  exports.t.grow(2, s);
  t.is(exports.t.get(5), s);
  exports.e.set(1, s);
  t.is(exports.e.get(1), s);
  s.set(1, s);
  s.set(2, s);
  t.is(s.get(1), s);
  t.is(s.get(2), s);
  t.is((thrown(() => exports.throw(s)) as Exception).payload[0], s);
  t.is(new Global(store, { type: "structref" }, s).value, s);
  t.is(new Table(store, { element: s.type, initial: 1 }, s).get(0), s);
  t.is(new ArrayRef(store, RefType.array(engine, { type: "eqref" }), [s]).get(0), s);
  t.is(exports.same(s, s.get(1)), 1);
  const other = exports.make(1);
  t.not(other, s);
  t.is(exports.same(s, other), 0);
});

test("what JavaScript makes is the same object for guests and their host functions", (t) => {
  const { exports, store } = start(identity, { env: { f: (s: unknown) => s } });
  const s = new StructRef(store, exports.make(0).type, [5, undefined, "x"]);
  t.is(exports.call(s), s);
  t.is(exports.toAny(s), s);
  exports.t.set(0, s);
  t.is(exports.t.get(0), s);
});

test("identity and contents stay while JavaScript holds an object, however much is collected", (t) => {
  const { exports, store } = start(identity, { env: { f: (s: unknown) => s } });
  const kept = Array.from({ length: 300 }, (_, i) => exports.make(i) as StructRef);
  for (const [i, s] of kept.entries()) s.set(2, { i });
  exports.t.set(3, kept[7]);
  for (let round = 0; round < 3; round++) {
    exports.garbage(100_000);
    for (let i = 0; i < 300; i++) exports.make(-1);
    store.gc();
    collect();
    for (const [i, s] of kept.entries()) {
      if (exports.id(s) !== s || s.get(0) !== i || s.get(2).i !== i) t.fail(`${round} ${i}`);
    }
    t.is(exports.t.get(3), kept[7]);
  }
});

test("objects given in turn with others, and freed ones, are never mistaken for each other", (t) => {
  const { exports, store } = start(identity, { env: { f: (s: unknown) => s } });
  let kept: [StructRef, number][] = [];
  for (let i = 0; i < 20_000; i++) {
    const s = exports.make(i) as StructRef;
    if (i % 7 === 0) kept.push([s, i]);
    if (i % 1000 === 0) kept = kept.filter((_, n) => n % 3 > 0);
    if (i % 4000 === 0) (store.gc(), collect());
  }
  t.true(kept.every(([s, i]) => s.get(0) === i && exports.any(s) === s));
  t.is(new Set(kept.map(([s]) => s)).size, kept.length);
});

test("JavaScript alone keeps a struct, and all that it holds", (t) => {
  const { exports, store } = start(identity, { env: { f: (s: unknown) => s } });
  const outer = exports.make(1) as StructRef;
  outer.set(1, exports.make(2));
  outer.get(1).set(2, engine);
  for (let i = 0; i < 3; i++) {
    exports.garbage(50_000);
    store.gc();
    collect();
  }
  t.deepEqual([outer.get(1).get(0), outer.get(1).get(2) === engine], [2, true]);
});

// ---- the family of anyref

const family = `(module ${[
  "anyref",
  "eqref",
  "i31ref",
  "structref",
  "arrayref",
  "nullref",
  "externref",
  "nullexternref",
  "funcref",
  "nullfuncref",
  "nullexnref",
]
  .map((type) => `(func (export "${type}") (param ${type}) (result ${type}) (local.get 0))`)
  .join("\n")}
  ${["any", "eq", "i31", "struct", "array", "extern", "func"].map((type) => `(func (export "(ref ${type})") (param (ref ${type})) (result (ref ${type})) (local.get 0))`).join("\n")}
  (func (export "isI31") (param anyref) (result i32) (ref.test (ref i31) (local.get 0)))
  (func (export "isEq") (param anyref) (result i32) (ref.test (ref eq) (local.get 0)))
  (func (export "externIsI31") (param externref) (result i32) (ref.test (ref i31) (any.convert_extern (local.get 0))))
  (func (export "toAny") (param externref) (result anyref) (any.convert_extern (local.get 0)))
  (func (export "toExtern") (param anyref) (result externref) (extern.convert_any (local.get 0)))
  (func (export "i31") (param i32) (result i31ref) (ref.i31 (local.get 0)))
  (func (export "get") (param i31ref) (result i32) (i31.get_s (local.get 0)))
  (func (export "isNull") (param anyref) (result i32) (ref.is_null (local.get 0))))`;
const pass = () => 1;
const hosts: unknown[] = [
  {},
  [],
  pass,
  class {},
  Symbol("s"),
  Symbol.iterator,
  "",
  "text",
  7n,
  0n,
  true,
  false,
  undefined,
  0.5,
  -0,
  NaN,
  Infinity,
  2 ** 30,
  -(2 ** 30) - 1,
  2 ** 53,
  new Date(),
  new WeakMap(),
  globalThis,
  engine,
  new Error("x"),
];
const i31s = [0, 1, -1, 2 ** 30 - 1, -(2 ** 30), 0x2aaaaaaa];

test("any JavaScript value goes through anyref and externref, and between them, as itself", (t) => {
  const { exports } = start(family);
  for (const value of [...hosts, ...i31s, null, Object.create(null)]) {
    for (const way of ["anyref", "externref", "toAny", "toExtern"]) {
      t.true(Object.is(exports[way](value), value), `${way} ${typeof value}`);
    }
    t.true(Object.is(exports.toAny(exports.toExtern(value)), value));
  }
  t.is(exports.anyref(), undefined);
  t.deepEqual([exports.isNull(undefined), exports.isNull(null), exports.isNull(0)], [0, 1, 0]);
});

test("a proxy goes as itself, also a revoked one, and none of its traps runs between the values of a call", (t) => {
  const { exports } = start(`(module (func (export "four") (param i64 externref anyref i32) (result i64 externref anyref i32)
    (local.get 0) (local.get 1) (local.get 2) (local.get 3)))`);
  const handler = new Proxy({}, { get: () => () => t.fail(String(exports.four(-1n, "x", "y", -1))) });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const hostile of [new Proxy({}, handler), new Proxy(() => {}, handler), proxy]) {
    const found = exports.four(5n, hostile, hostile, 6);
    t.deepEqual([found[0], found[1] === hostile, found[2] === hostile, found[3]], [5n, true, true, 6]);
    const store = fresh();
    t.true(new StructRef(store, RefType.struct(engine, [{ type: "anyref" }, { type: "i32" }]), [hostile, 3]).get(0) === hostile);
    t.true(new Global(store, { type: "externref" }, hostile).value === hostile);
  }
});

test("numbers of 31 bits are i31, other numbers are values of the host", (t) => {
  const { exports } = start(family);
  for (const value of i31s) {
    t.deepEqual(
      [exports.isI31(value), exports.externIsI31(value), exports.i31ref(value), exports.get(value)],
      [1, 1, value, value],
      String(value),
    );
    t.true(Object.is(exports.eqref(value), value));
    t.true(Object.is(exports["(ref i31)"](value), value));
  }
  for (const value of hosts) {
    t.deepEqual([exports.isI31(value), exports.isEq(value), exports.externIsI31(value)], [0, 0, 0], show(value));
    for (const type of [
      "eqref",
      "i31ref",
      "structref",
      "arrayref",
      "nullref",
      "(ref eq)",
      "(ref i31)",
      "(ref struct)",
      "(ref array)",
      "nullexternref",
      "nullexnref",
    ]) {
      t.throws(
        () => exports[type](value),
        { ...typeError, message: type.includes("exn") ? /exnref/ : /not of type/ },
        `${type} ${show(value)}`,
      );
    }
  }
  t.is(exports.i31(2 ** 30), -(2 ** 30));
  t.is(exports.i31(2 ** 31 - 1), -1);
});

test("null is of every type that can be null, and of no other", (t) => {
  const { exports } = start(family);
  for (const [type, f] of Object.entries<any>(exports)) {
    if (type.endsWith("ref")) t.is(f(null), null, type);
    if (type.startsWith("(ref ")) t.throws(() => f(null), { ...typeError, message: /null/ }, type);
  }
  for (const type of ["nullref", "nullexternref"])
    for (const value of [0, 5, "x"]) t.throws(() => exports[type](value), typeError, type);
  t.throws(() => exports.nullfuncref(exports.i31), typeError);
});

test("structs and arrays are of their own families only", (t) => {
  const { exports, store } = start(family);
  const s = new StructRef(store, one, [1]);
  const a = new ArrayRef(store, RefType.array(engine, i32), [1]);
  for (const [object, own, other] of [
    [s, "struct", "array"],
    [a, "array", "struct"],
  ] as const) {
    for (const type of [
      "anyref",
      "eqref",
      "externref",
      `${own}ref`,
      `(ref ${own})`,
      "(ref eq)",
      "(ref any)",
      "(ref extern)",
      "toAny",
      "toExtern",
    ]) {
      t.is(exports[type](object), object, `${own} ${type}`);
    }
    for (const type of [
      `${other}ref`,
      `(ref ${other})`,
      "i31ref",
      "nullref",
      "funcref",
      "(ref func)",
      "nullexternref",
      "nullexnref",
    ]) {
      t.throws(() => exports[type](object), typeError, `${own} ${type}`);
    }
    t.deepEqual([exports.isEq(object), exports.isI31(object)], [1, 0]);
  }
});

test("globals and tables of the family hold its values, and refuse others unchanged", (t) => {
  const store = fresh();
  const s = new StructRef(store, one, [1]);
  const a = new ArrayRef(store, RefType.array(engine, i32), [1]);
  const object = {};
  const cases: [type: string, good: unknown[], bad: unknown[]][] = [
    ["anyref", [object, undefined, s, 5, -0, null], []],
    ["eqref", [s, a, 5, null], [object, undefined, -0]],
    ["i31ref", [5, -1, null], [s, 2 ** 30, object]],
    ["structref", [s, null], [a, 5, object, undefined]],
    ["arrayref", [a, null], [s, 5, [1]]],
    ["(ref struct)", [s], [null, a, undefined]],
    ["(ref any)", [object, undefined, s, 5], [null]],
    ["nullref", [null], [s, 5, undefined]],
  ];
  for (const [type, good, bad] of cases) {
    const global = new Global(store, { type, mutable: true }, good[0]);
    const table = new Table(store, { element: type, initial: 1 }, good[0]);
    for (const value of good) {
      global.value = value;
      table.set(0, value);
      t.true(Object.is(global.value, value) && Object.is(table.get(0), value), `${type} ${show(value)}`);
      for (const wrong of bad) {
        t.throws(() => void (global.value = wrong), typeError, `${type} ${show(wrong)}`);
        t.throws(() => table.set(0, wrong), typeError, `${type} ${show(wrong)}`);
        // Not given, a new element is null.
        if (wrong !== undefined) t.throws(() => table.grow(1, wrong), typeError, `${type} ${show(wrong)}`);
      }
      t.true(Object.is(global.value, value) && Object.is(table.get(0), value), `${type} is changed`);
    }
  }
});

test("elements that are not given are null, and a TypeError where they can't be", (t) => {
  const store = fresh();
  const table = new Table(store, { element: "anyref", initial: 1 }, 5);
  table.grow(1);
  t.deepEqual([table.get(0), table.get(1)], [5, null]);
  table.set(0);
  t.is(table.get(0), null);
  table.set(0, undefined);
  t.is(table.get(0), undefined);
  t.is(new Global(store, { type: "anyref" }).value, null);
  t.is(new Global(store, { type: one }).value, null);
  t.is(new Table(store, { element: one, initial: 1 }).get(0), null);
  const strict = RefType.struct(engine, [{ type: "i32", mutable: true }], { nullable: false });
  for (const type of ["(ref any)", "(ref i31)", strict]) {
    t.throws(() => new Global(store, { type }), typeError);
    t.throws(() => new Table(store, { element: type, initial: 1 }), typeError);
  }
  const full = new Table(store, { element: strict, initial: 1 }, new StructRef(store, one, [1]));
  for (const use of [() => full.set(0), () => full.set(0, null), () => full.grow(1), () => full.grow(1, null)])
    t.throws(use, typeError, String(use));
  t.deepEqual([full.length, full.get(0).get(0)], [1, 1]);
});

test("a plain value is taken where a constant global of the family is imported", (t) => {
  const { module } =
    load(`(module (import "e" "any" (global anyref)) (import "e" "struct" (global structref)) (import "e" "i31" (global (ref i31)))
    (export "any" (global 0)) (export "struct" (global 1)) (export "i31" (global 2)))`);
  const store = fresh();
  const s = new StructRef(store, one, [1]);
  for (const env of [
    { any: {}, struct: s, i31: 5 },
    { any: s, struct: null, i31: -1 },
  ]) {
    const { exports } = new Instance(store, module, { e: env });
    t.deepEqual([exports.any.value === env.any, exports.struct.value === env.struct, exports.i31.value], [true, true, env.i31]);
  }
  for (const wrong of [
    { struct: 5 },
    { struct: {} },
    { i31: null },
    { i31: 2 ** 30 },
    { struct: new StructRef(fresh(), one, [1]) },
  ]) {
    t.throws(
      () => new Instance(store, module, { e: { any: 1, struct: null, i31: 5, ...wrong } }),
      { instanceOf: LinkError },
      Object.keys(wrong)[0],
    );
  }
});

test("host functions give and take the family's values; a result of another type is a TypeError", (t) => {
  let result: unknown;
  const types = ["anyref", "eqref", "i31ref", "structref", "(ref any)"];
  const { exports, store } = start(
    `(module ${types.map((type, i) => `(import "e" "f" (func $f${i} (param ${type}) (result ${type})))`).join(" ")}
      ${types.map((type, i) => `(func (export "${type}") (param ${type}) (result ${type}) (call $f${i} (local.get 0)))`).join(" ")})`,
    { e: { f: (x: unknown) => (result === pass ? x : result) } },
  );
  const s = new StructRef(store, one, [1]);
  for (const [type, values] of [
    ["anyref", [s, {}, 5, null, undefined]],
    ["eqref", [s, 5, null]],
    ["i31ref", [5, null]],
    ["structref", [s, null]],
    ["(ref any)", [s, undefined]],
  ] as [string, unknown[]][]) {
    for (const value of values) {
      result = pass;
      t.is(exports[type](value), value, type);
      result = value;
      t.is(exports[type](values[0]), value, type);
    }
  }
  for (const [type, value, wrong] of [
    ["eqref", 5, {}],
    ["i31ref", 5, s],
    ["structref", s, 5],
    ["(ref any)", 5, null],
  ] as [string, unknown, unknown][]) {
    result = wrong;
    t.throws(() => exports[type](value), typeError, type);
  }
});

// ---- functions of a type

const functions = `(module (type $f (func (param i32) (result i32))) (type $open (sub (func (result i32)))) (elem declare func $inc $one)
  (func $inc (export "inc") (type $f) (i32.add (local.get 0) (i32.const 1))) (func $one (export "one") (type $open) (i32.const 1)) (func (export "none"))
  (table (export "t") 3 (ref null $f)) (global (export "g") (mut (ref $f)) (ref.func $inc))
  (func (export "call") (param (ref $f) i32) (result i32) (call_ref $f (local.get 1) (local.get 0)))
  (func (export "open") (param (ref $open)) (result i32) (call_ref $open (local.get 0)))
  (func (export "id") (param (ref null $f)) (result (ref null $f)) (local.get 0)))`;

test("functions of a type cross as themselves, guests' and Func.wrap's", (t) => {
  const { exports, store } = start(functions);
  const double = wrap(store, ["i32"], ["i32"], (x) => x * 2);
  for (const f of [exports.inc, double]) {
    t.is(exports.id(f), f);
    t.is(exports.call(f, 20), f(20));
    exports.t.set(0, f);
    t.is(exports.t.get(0), f);
    exports.g.value = f;
    t.is(exports.g.value, f);
    t.is(exports.t.get(exports.t.grow(1, f)), f);
  }
  t.is(exports.id(null), null);
  t.is(exports.open(exports.one), 1);
});

test("a function of another type, null and JavaScript's own functions are a TypeError where a type is wanted", (t) => {
  const { exports, store } = start(functions);
  const wrong = [
    exports.none,
    exports.one,
    wrap(store, ["i64"], ["i32"], () => 1),
    wrap(store, ["i32"], [], () => 1),
    wrap(store, [], [], () => 1),
    start(functions).exports.inc,
    (x: number) => x,
    5,
    undefined,
  ];
  for (const f of wrong) {
    const uses = [
      () => exports.call(f, 1),
      () => exports.id(f),
      () => exports.t.set(0, f),
      () => void (exports.g.value = f),
      ...(f === undefined ? [] : [() => exports.t.grow(1, f)]),
    ];
    for (const use of uses) t.throws(use, typeError, `${String(use)} ${show(f)}`);
  }
  for (const use of [() => exports.call(null, 1), () => void (exports.g.value = null), () => exports.open(null)])
    t.throws(use, typeError);
  t.is(exports.g.value, exports.inc);
  t.is(exports.t.get(0), null);
});

test("a type made of functions goes through Func.wrap and defineFunc, which check arguments and results", (t) => {
  const { exports, store, module } = start(functions);
  const f = (module.exports.find(({ name }) => name === "g") as any).type.type as RefType;
  let result: unknown = exports.inc;
  const wrapped = wrap(store, [f as any, "structref"], [f as any], () => result);
  t.is(wrapped(exports.inc, null), exports.inc);
  for (const wrong of [exports.none, null]) t.throws(() => wrapped(wrong, null), typeError);
  t.throws(() => wrapped(exports.inc, {}), typeError);
  for (result of [exports.none, null, () => 1]) t.throws(() => wrapped(exports.inc, null), typeError);
  const user =
    load(`(module (type $f (func (param i32) (result i32))) (import "e" "f" (func $f (param (ref $f)) (result (ref $f)))) (func $own (export "own") (type $f) (i32.const 3))
    (func (export "call") (result (ref $f)) (call $f (ref.func $own))))`);
  const linker = new Linker(engine).defineFunc("e", "f", { parameters: [f], results: [f] }, (x) => (t.is(x(0), 3), x));
  const instance = linker.instantiate(store, user.module).exports;
  t.is(instance.call(), instance.own);
});

// ---- stores, and the end of things

test("after dispose a struct, an array and their types are closed, also as arguments", (t) => {
  const { exports, store } = start(all);
  const s = exports.make() as StructRef;
  const a = exports.ints() as ArrayRef;
  const { type } = s;
  store.dispose();
  const uses = [
    () => s.get(0),
    () => s.set(0, 1),
    () => s.length,
    () => s.type,
    () => a.get(0),
    () => a.set(0, 1),
    () => a.length,
    () => a.type,
    () => exports.s8(s),
    () => new StructRef(store, one, [1]),
  ];
  for (const use of uses) t.throws(use, { instanceOf: ClosedError, code: "ERR_WASMTIME_CLOSED" }, String(use));
  t.is(type.fields?.length, 21, "a type is the engine's");
});

test("a struct of another store is a value like any other there: itself as anyref, and no structref", (t) => {
  const { exports } = start(family);
  const live = fresh();
  const dead = fresh();
  const foreign = [
    new StructRef(live, one, [1]),
    new ArrayRef(live, RefType.array(engine, i32), [1]),
    new StructRef(dead, one, [1]),
  ];
  dead.dispose();
  for (const object of foreign) {
    t.is(exports.anyref(object), object);
    t.is(exports.externref(object), object);
    t.is(exports.toAny(object), object);
    t.is(exports.isEq(object), 0);
    for (const type of ["structref", "arrayref", "eqref", "(ref struct)", "nullref"])
      t.throws(() => exports[type](object), typeError, type);
  }
});

const lifetime = `(module
  (type $s (struct (field (mut i32)) (field (mut externref)))) (global $g (export "g") (mut (ref null $s)) (ref.null $s))
  (func (export "make") (param i32) (result (ref $s)) (struct.new $s (local.get 0) (ref.null extern)))
  (func (export "keep") (param (ref null $s)) (global.set $g (local.get 0)))
  (func (export "drop") (param anyref))
  (func (export "id") (param anyref) (result anyref) (local.get 0)))`;
/** What runs in a process of its own, where garbage is collected when it is told to. */
const inChild = (t: any, body: string) =>
  nodeJson(
    t,
    `import { ArrayRef, Engine, Exception, Global, Instance, Module, RefType, Store, StructRef, Table } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    const fresh = () => { const store = new Store(engine); return { store, exports: new Instance(store, module).exports } };
    const { store, exports } = fresh();
    const one = RefType.struct(engine, [{ type: "i32", mutable: true }, { type: "externref", mutable: true }]);
    const rest = async (rounds = 5) => { for (let i = 0; i < rounds; i++) { gc(); await new Promise((done) => setTimeout(done, 5)); store.disposed || store.gc(); } };
    let gone = 0;
    const registry = new FinalizationRegistry(() => void gone++);
    const print = (value) => console.log(JSON.stringify(value));
    ${body}`,
    { flags: ["--expose-gc"], values: { file: artifact(lifetime) } },
  );

test("the guest keeps a struct that JavaScript has let go: it comes back with what was written", (t) => {
  const result = inChild(
    t,
    `const weak = (() => { const s = exports.make(1); s.set(0, 41); s.set(1, "kept"); exports.keep(s); return new WeakRef(s); })();
    await rest();
    const lost = weak.deref() === undefined;
    const s = exports.g.value;
    print([lost, s.get(0), s.get(1), s === exports.g.value, exports.id(s) === s]);`,
  );
  t.deepEqual(result, [true, 41, "kept", true, true]);
});

for (const [what, make] of [
  ["made by the guest", "exports.make(i)"],
  ["made here", "new StructRef(store, one, [i, null])"],
  ["passed to the guest", "((s) => (exports.drop(s), s))(exports.make(i))"],
  ["kept for a while", "((s) => (exports.keep(s), exports.keep(null), s))(exports.make(i))"],
  ["read from a global", "(exports.keep(exports.make(i)), exports.g.value)"],
] as const) {
  test(`JavaScript's objects for structs are collected, and so is what the structs hold: ${what}`, (t) => {
    const result = inChild(
      t,
      `for (let i = 0; i < 2000; i++) { const s = ${make}, held = { i }; s.set(1, held); registry.register(s); registry.register(held); }
      exports.keep(null);
      // Values that guests have let go are given back when others are given.
      for (let i = 0; i < 6; i++) { await rest(2); for (let n = 0; n < 3000; n++) exports.drop(String(n)); }
      await rest();
      print(gone);`,
    );
    t.true(result >= 3900 && result <= 4000, String(result));
  });
}

test("a struct keeps its store, and a type its engine, until they are let go", (t) => {
  const result = inChild(
    t,
    `let s = (() => { const { store, exports } = fresh(); const s = exports.make(5); s.set(1, exports); registry.register(exports); return s; })();
    let type = (() => { const other = new Engine(); return RefType.struct(other, [{ type: RefType.array(other, { type: "i8" }) }]); })();
    await rest();
    const before = [gone, s.get(0), s.get(1).make(6).get(0), String(type), type.matches(type)];
    s = type = null;
    await rest();
    print([before, gone]);`,
  );
  t.deepEqual(result, [[0, 5, 6, "(ref null (struct (field (ref null (array i8)))))", true], 1]);
});

test("stores go although their structs, values and functions hold each other through JavaScript", (t) => {
  const result = inChild(
    t,
    `for (let i = 0; i < 100; i++) { const { store, exports } = fresh(); const s = exports.make(i); const ring = { s, exports, store }; exports.g.value = s; registry.register(store); ring.ring = ring; exports.drop(ring); }
    await rest(10);
    print(gone);`,
  );
  t.true(result >= 99, String(result));
});

test("a hundred thousand structs made and dropped leave memory as it was", (t) => {
  t.timeout(240_000);
  const result: number[] = inChild(
    t,
    `const figures = [];
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 10_000; i++) {
        const s = i % 2 ? exports.make(i) : new StructRef(store, one, [i, { i }]);
        exports.drop(s); exports.id(s).set(0, 1); s.type; exports.g.value = s;
        if (i % 500 === 0) { gc(); await new Promise(setImmediate); }
      }
      await rest(2);
      figures.push(Math.round(process.memoryUsage.rss() / 2 ** 18) / 4);
    }
    print(figures);`,
  );
  t.log(result.join(" "), "MB");
  // 70,000 leaks of 128 bytes each are more.
  t.true(result.at(-1)! <= result[2]! + 8.5, result.join(" "));
});
