// What is thrown, as V8 does it: traps, JavaScript's own values and exceptions of wasm, and how far each comes.

import { named } from "./v8.js";
import { agreeing, convert, fail, host, object, raise, sorry, symbol, trapper } from "./js-api.js";

agreeing("gc")("traps are errors of a class of their own, and the instance works on", (w, log) => {
  const { unreachable, divide, load, indirect, truncate } = trapper(w);
  const numbers = [() => divide(0), () => divide(-1), () => truncate(NaN), () => truncate(1e30)];
  for (const trap of [unreachable, ...numbers, () => load(-1), () => load(65533), () => indirect(0), () => indirect(1)]) {
    log.of(trap);
    log.of(() => divide(1));
  }
});
agreeing("gc")("what host functions and conversions throw comes out as the same value, also primitives", (w, log) => {
  for (const thrown of [sorry, 5, "s", undefined, null, 0n, -0, symbol, object, host, new RangeError(), Promise.reject(5).catch(() => {})]) {
    log.of(() => trapper(w, raise(thrown)).call(1));
    log.of(() => trapper(w, () => ({ valueOf: raise(thrown) })).call(1));
    log.of(() => trapper(w).call({ valueOf: raise(thrown) }));
    for (const type of ["i32", "i64", "f32", "f64"]) log.of(() => convert(w).exports[`id ${type}`]({ [Symbol.toPrimitive]: raise(thrown) }));
  }
});
agreeing("gc")("an exception passes calls until one catches it, and a trap is the same object all the way", (w, log) => {
  const deep: any = trapper(w, (n) => {
    if (n === 0) return fail();
    try {
      return deep.call(n - 1);
    } catch (error) {
      log(n, error);
      if (n > 2) return n;
      throw error;
    }
  });
  for (const n of [0, 2, 5]) log.of(() => deep.call(n));
  let first: unknown;
  const trapping: any = trapper(w, (n) => {
    try {
      return n ? trapping.call(n - 1) : trapping.unreachable();
    } catch (error) {
      log(n, error === (first ??= error));
      throw error;
    }
  });
  log.of(() => trapping.call(3));
  log.of(() => trapper(w, () => ({ valueOf: () => trapping.unreachable() })).call(3));
  log.of(() => trapping.divide({ valueOf: () => trapping.unreachable() }));
});
agreeing("gc")("an exception of wasm has its tag and its values, and is the same object all the way", (w, log) => {
  let first: any;
  let next = () => exports.throw("7", 2n ** 63n, object, 0.1);
  const exports: any = trapper(w, () => {
    try {
      next();
    } catch (error) {
      throw (first ??= error);
    }
  });
  const catching = (fn: () => unknown): any => {
    try {
      fn();
    } catch (error) {
      return error;
    }
  };
  const caught = catching(() => exports.call(1));
  const [other, { t }] = [w.tag("i32"), exports];
  log(caught === first, caught, caught.is(t), caught.is(other), [0, 1, 2, 3].map((i) => caught.getArg(t, i)));
  for (const args of [[t, 4], [other, 0], [{}, 0], []]) log.of(() => caught.getArg(...args));
  for (const args of [[{}], []]) log.of(() => caught.is(...args));
  const own = named("own", w.exception(t, [1.9, "5", object, 0.1]));
  log([0, 1, 2, 3].map((i) => own.getArg(t, i)));
  [first, next] = [undefined, raise(own)];
  log.of(() => exports.call(1));
  for (const payload of [null, undefined, 5, [1, 2, 3, 4], [{ valueOf: fail }, 2n, 3, 4]]) log.of(() => w.exception(t, payload));
  log.of(() => w.exception({}, []));
});
