// What a module asks for, made of its types.

import { Global, type ImportType, Memory, type Store, Table, Tag } from "../index.js";

/** How each kind of thing is made. */
export interface Makers {
  func(type: ImportType & { kind: "function" }, index: number): unknown;
  memory(type: ImportType & { kind: "memory" }): unknown;
  table(type: ImportType & { kind: "table" }): unknown;
  global(type: ImportType & { kind: "global" }): unknown;
  tag?(type: ImportType & { kind: "tag" }): unknown;
}

/** An object for `new Instance`, here and in V8. */
export function importsOf(types: ImportType[], make: Makers): Record<string, Record<string, unknown>> {
  const imports: Record<string, Record<string, unknown>> = Object.create(null);
  for (const [index, type] of types.entries()) {
    const space = (imports[type.module] ??= Object.create(null) as Record<string, unknown>);
    // One name may be asked for twice, as different things: then there is no right one.
    space[type.name] ??= madeOf(type, index, make);
  }
  return imports;
}
function madeOf(type: ImportType, index: number, make: Makers): unknown {
  switch (type.kind) {
    case "function":
      return make.func(type, index);
    case "memory":
      return make.memory(type);
    case "table":
      return make.table(type);
    case "global":
      return make.global(type);
    case "tag":
      return make.tag?.(type);
  }
}

/** How they are made here, but for functions and the values of globals. */
export function ours(store: Store, func: Makers["func"], value: (type: ImportType & { kind: "global" }) => unknown): Makers {
  return {
    func,
    memory: ({ type }) => new Memory(store, type),
    table: ({ type }) => new Table(store, type, typeof type.element === "string" && type.element.startsWith("extern") ? "init" : null),
    global: (type) => new Global(store, type.type, value(type)),
    tag: ({ type }) => new Tag(store, type),
  };
}
