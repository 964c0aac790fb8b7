// RefType: the types that modules define, made here, compared, printed, and put into what takes a type.

import test from "ava";
import { ArrayRef, Engine, Global, Instance, LinkError, Linker, RefType, StructRef, Table, Tag } from "../index.js";
import { load, needing, thrown, typeError, wrap } from "./helper.js";
import { engine, fresh, i32, show } from "./ref-guest.js";

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

needing("gc")("imports and exports have types of the module's own as RefTypes, abstract ones as names", (t) => {
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
needing("gc")("every name of an abstract type is known, long or short, and has one form", (t) => {
  for (const [given, is] of names) t.deepEqual(new Tag(fresh(), { parameters: [given] }).type.parameters, [is], given);
});

needing("gc")("names that are none, and values that are no types, are a TypeError", (t) => {
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

needing("gc")("a module's type is the one of the same structure made here", (t) => {
  const point = RefType.struct(engine, [
    { type: "f64", mutable: true },
    { type: "f64", mutable: true },
  ]);
  const [p] = load(typed).module.imports as any[];
  t.true(point.matches(p.type.type) && p.type.type.matches(point));
  t.false(RefType.struct(engine, [{ type: "f64" }, { type: "f64" }]).matches(p.type.type));
});

needing("gc")("types that contain themselves and each other are printed, with an end", (t) => {
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

needing("gc")("types of imports and exports go into everything that takes a type, and what is made links", (t) => {
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

needing("gc")("a RefType of another engine is a TypeError wherever a type or an object is made", (t) => {
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
