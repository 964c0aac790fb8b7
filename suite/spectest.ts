// The module `spectest`, which the suite takes for granted.

import { Func, Global, type Imports, Memory, Store, Table } from "../index.js";

export function spectest(store: Store): Imports[string] {
  const print = (...parameters: string[]) => Func.wrap(store, { parameters, results: [] }, () => {});
  const number = (type: string, value: unknown) => new Global(store, { type }, value);
  let shared: Memory | undefined;
  return {
    print: print(),
    print_i32: print("i32"),
    print_i64: print("i64"),
    print_f32: print("f32"),
    print_f64: print("f64"),
    print_i32_f32: print("i32", "f32"),
    print_f64_f64: print("f64", "f64"),
    global_i32: number("i32", 666),
    global_i64: number("i64", 666n),
    global_f32: number("f32", 666.6),
    global_f64: number("f64", 666.6),
    table: new Table(store, { element: "funcref", initial: 10, maximum: 20 }),
    table64: new Table(store, { element: "funcref", initial: 10n, maximum: 20n, address: "i64" }),
    memory: new Memory(store, { initial: 1, maximum: 2 }),
    // When it is asked for: few files do, and a build may have no threads.
    get shared_memory() {
      return (shared ??= new Memory(store, { initial: 1, maximum: 2, shared: true }));
    },
  };
}
