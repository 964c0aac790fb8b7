// Memories, tables, globals and all classes as JavaScript's objects, as V8 does it.

import { agree, agreeing, fail, functionsOf, grower, object, three } from "./js-api.js";

// ---- memories

agree("the buffer is the same object until the memory grows, and then it is detached with all views of it", (w, log) => {
  for (const who of ["guest", "JavaScript"]) {
    const exports = grower(w);
    const { m } = exports;
    const { buffer } = m;
    const views: any[] = [new Uint8Array(buffer), new Uint8Array(buffer, 5, 5), new BigInt64Array(buffer)];
    const data = new DataView(buffer);
    views[0][9] = 9;
    exports.store(10, 266);
    log(buffer, m.buffer === buffer, buffer.constructor === ArrayBuffer, Object.isFrozen(buffer), views[0][10]);
    log(who === "guest" ? exports.grow(1) : m.grow(1));
    log(buffer, m.buffer, m.buffer === buffer, m.buffer === m.buffer);
    for (const view of views) log(view.length, view.byteOffset, view[0], 0 in view);
    for (const use of [() => data.getInt8(0), () => data.byteLength, () => buffer.slice(0), () => new Uint8Array(buffer)]) log.of(use);
    for (const write of [() => views[0].fill(1), () => (views[0][0] = 1)]) log.of(write);
    const now = new Uint8Array(m.buffer);
    log(now[9], now[10], now[65536], now.length);
  }
});
agree("grow(0) by JavaScript makes a new buffer too", (w, log) => {
  for (const initial of [0, 1]) {
    const m = w.memory({ initial });
    const { buffer } = m;
    buffer.extra = 5;
    log(buffer, m.grow(0), buffer, m.buffer, m.buffer === buffer, m.buffer.extra);
    log.of(() => buffer.slice(0));
  }
});
agree("a growth that fails is a RangeError, -1 to the guest, and leaves the buffer alone", (w, log) => {
  const { m, grow } = grower(w);
  const { buffer } = m;
  for (const pages of [10, 65535, 65536, 2 ** 32 - 1]) log.of(() => m.grow(pages));
  for (const pages of [10, 65536, -1]) log.of(() => grow(pages));
  log(buffer, m.buffer === buffer);
  log(m.grow(9), buffer, m.buffer);
  log.of(() => m.grow(1));
});
agree("the buffer of a memory without pages is an object of its own, and is detached when they come", (w, log) => {
  const [m, other] = [w.memory({ initial: 0 }), w.memory({ initial: 0, maximum: 0 })];
  const { buffer } = m;
  log(buffer, m.buffer === buffer, buffer === other.buffer, w.memory({ initial: 0, maximum: 0 }).buffer === other.buffer);
  log(m.grow(1), m.buffer === buffer, m.buffer, other.buffer);
  log.of(() => buffer.slice(0));
  log.of(() => other.grow(1));
  const guest = w.start(`(module (memory (export "m") 0 1) (func (export "grow") (result i32) (memory.grow (i32.const 1))))`);
  const empty = guest.m.buffer;
  log(guest.grow(), guest.m.buffer);
  log.of(() => empty.slice(0));
});
agree("growth in nested calls detaches the buffers of all callers", (w, log) => {
  let depth = 0;
  const exports: any = grower(w, () => {
    const { buffer } = exports.m;
    log("in", depth, buffer);
    if (depth++ < 3) log(exports.growAndCall(1));
    else log(exports.m.grow(1), exports.grow(1));
    log("out", buffer, exports.m.buffer);
  });
  const { buffer } = exports.m;
  log(exports.growAndCall(1), buffer, exports.m.buffer);
  exports.store(7 * 65536 - 1, 7);
  log(new Uint8Array(exports.m.buffer).at(-1));
  log.of(() => exports.store(7 * 65536, 7));
});
agree("a conversion that grows the memory has done so when the call begins", (w, log) => {
  const { m, store, grow, size } = grower(w);
  log.of(() => store({ valueOf: () => (m.grow(1), 65536) }, { valueOf: () => 5 }));
  log(new Uint8Array(m.buffer)[65536]);
  log.of(() => grow({ valueOf: () => grow(1) }));
  log(size(), m.buffer);
  const bytes = new Uint8Array(m.buffer);
  bytes[0] = { valueOf: () => (m.grow(1), 5) } as never;
  log(new Uint8Array(m.buffer)[0], bytes.length);
});
agree("a buffer can be copied, but not moved away or replaced", (w, log) => {
  const m = w.memory({ initial: 1 });
  const { buffer } = m;
  log.of(() => structuredClone(buffer));
  log.of(() => structuredClone(buffer, { transfer: [buffer] }));
  log.of(() => (m.buffer = new ArrayBuffer(8)));
  log(buffer, m.buffer === buffer);
});

// ---- tables

agreeing("gc")("an element that is not given is null, and undefined in a table of externrefs", (w, log) => {
  for (const element of ["anyfunc", "externref"]) {
    for (const rest of [[], [undefined], [null], [undefined, 1]]) {
      log.of(() => three(w, element, ...rest).get(0));
      const table = three(w, element);
      log.of(() => table.set(0, ...rest));
      log.of(() => table.grow(1, ...rest));
      log(table.get(0), table.length, table.length > 3 && table.get(3));
    }
  }
});
agreeing("gc")("elements outside of the table are a RangeError, growth beyond its maximum too, and nothing changes", (w, log) => {
  const table = three(w, "externref", object);
  for (const index of [3, 4, 2 ** 31, 2 ** 32 - 1]) {
    log.of(() => table.get(index));
    log.of(() => table.set(index, 1));
    log.of(() => table.set(index));
    log.of(() => table.grow(index, 1));
  }
  log([0, 1, 2].map((i) => table.get(i)), table.length);
  for (const call of [() => table.get(), () => table.set(), () => table.grow(), () => (table.length = 1)]) log.of(call);
  log(table.grow(0), table.grow(2, 7), table.length, table.get(4), table.grow(0));
});
agree("elements are checked after the index and before the growth", (w, log) => {
  const table = three(w, "anyfunc");
  for (const wrong of [() => {}, 5, {}, Object.create(functionsOf(w).x)]) {
    log.of(() => table.set(9, wrong));
    log.of(() => table.set(0, wrong));
    log.of(() => table.grow(9, wrong));
  }
  log(table.length, table.get(0), table.set(0, functionsOf(w).x));
});

// ---- globals

agree("a global that is a constant can't be set, and no conversion runs", (w, log) => {
  const [constant, variable] = [w.global("i32", false, 7), w.global("i32", true, 7)];
  for (const global of [constant, variable]) {
    log.of(() => (global.value = { valueOf: () => (log("converted"), 9) }) !== undefined);
    log.of(() => (global.value = 1n));
    log(global.value, global.valueOf(), +global, global == 9, `${global.value}`, JSON.stringify(global));
  }
  const { set } = Object.getOwnPropertyDescriptor(w.api.Global.prototype, "value")!;
  for (const args of [[], [3, 4], [undefined]]) {
    log.of(() => set!.apply(variable, args as [unknown]));
    log(variable.value);
  }
});
agree("a global without a value is zero, also where undefined is given", (w, log) => {
  for (const type of ["i32", "i64", "f32", "f64"]) {
    for (const value of [[], [undefined], [undefined, 5]]) log.of(() => w.global(type, undefined, ...value).value);
    log.of(() => w.global(type, false, null).value);
  }
  for (const type of ["i8", "", undefined, null, 5, {}]) log.of(() => w.global(type, false));
});
agree("a conversion that sets the same global is overtaken by it, unless it fails", (w, log) => {
  const g = w.global("i32", true, 1);
  log.of(() => void (g.value = { valueOf: () => ((g.value = 100), 3) }));
  log(g.value);
  log.of(() => void (g.value = { valueOf: () => ((g.value = 200), fail()) }));
  log(g.value, g.value++, g.value, (g.value += 2 ** 32 + 5), g.value);
});

// ---- classes

agreeing("gc")("classes can't be called without new, and accessors and methods only be used on objects of theirs", (w, log) => {
  for (const name of ["Memory", "Table", "Global", "Instance", "Module", "Tag", "Exception"]) {
    log.of(() => w.api[name](), name);
    log.of(() => w.api[name].call(Object.create(w.api[name].prototype), {}));
    log(typeof w.api[name], w.api[name].name);
  }
  const members = {
    Memory: ["buffer", "grow"],
    Table: ["length", "get", "set", "grow"],
    Global: ["value", "valueOf"],
    Instance: ["exports"],
    Exception: ["is", "getArg"],
  };
  const instance = w.instantiate("(module)");
  for (const [name, list] of Object.entries(members)) {
    const { prototype } = w.api[name];
    for (const member of list) {
      const { get, set, value, ...rest } = Object.getOwnPropertyDescriptor(prototype, member)!;
      if (name !== "Exception") log(name, member, typeof get, typeof set, typeof value, rest.configurable, rest.writable);
      for (const self of [undefined, null, {}, 5, prototype, w.tag(), Object.create(w.memory({ initial: 1 })), Object.create(instance)]) {
        for (const fn of [get, set, value].filter(Boolean)) log.of(() => fn.call(self, 0, null), member);
      }
    }
  }
});
