// Uses all that an instance has. What comes out of one export is put into others.

import { ArrayRef, Exception, type ExportType, Func, Memory, type Store, StructRef, Table, Tag } from "../index.js";
import type { Dice } from "./dice.js";
import { typed } from "./typed.js";
import { valueOf } from "./values.js";

export function exercise(store: Store, exports: Record<string, any>, types: ExportType[], dice: Dice): void {
  const given: unknown[] = [];
  const keep = (value: unknown) => {
    if (value instanceof Error && !(value instanceof Exception)) return;
    for (const one of Array.isArray(value) ? value : [value]) if (typeof one === "object" || typeof one === "function") given.push(one);
  };
  for (let round = 0; round < 2; round++) {
    for (const { name, kind } of types) {
      const value = exports[name];
      keep(value);
      if (kind === "function") {
        const { parameters } = Func.type(value);
        const args = parameters.map((type) => valueOf(type, dice, given));
        keep(typed("a call", () => value(...args)));
      } else if (kind === "memory") useMemory(value, dice);
      else if (kind === "table") keep(useTable(value, dice, given));
      else if (kind === "global") {
        keep(value.value);
        typed("Global#value=", () => (value.value = valueOf(value.type.type, dice, given)));
      } else if (value instanceof Tag) {
        keep(typed("new Exception", () => new Exception(value, value.type.parameters.map((type) => valueOf(type, dice, given)))));
      }
    }
    for (const value of given.slice(-8)) look(value, dice, given);
    // In a build with no GC it is not there.
    if (dice.onceIn(8)) typed("Store#gc", () => store.gc());
  }
}

const places = [0, 1, 7, 65535, 65536, 2 ** 31, 2 ** 32, 2n ** 63n];

function useMemory(memory: Memory, dice: Dice): void {
  const at = dice.pick(places);
  typed("Memory#read", () => memory.read(at, dice.below(100)));
  typed("Memory#write", () => memory.write(at, dice.bytes(dice.below(20))));
  typed("Memory#grow", () => memory.grow(dice.below(3)));
  typed("Memory#buffer", () => memory.buffer.byteLength);
  typed("Memory#atomicRmw", () => memory.atomicRmw("i32", "xor", at, 5));
  typed("Memory#type", () => [memory.type, memory.pages, memory.byteLength]);
}

function useTable(table: Table, dice: Dice, given: unknown[]): unknown {
  const { element } = table.type;
  const at = dice.below(12);
  typed("Table#set", () => table.set(at, valueOf(element, dice, given)));
  typed("Table#grow", () => table.grow(dice.below(3), valueOf(element, dice, given)));
  return typed("Table#get", () => table.get(at));
}

/** Into structs, arrays and exceptions. */
function look(value: unknown, dice: Dice, given: unknown[]): void {
  if (value instanceof StructRef || value instanceof ArrayRef) {
    const at = dice.below(value.length + 1);
    const inside = typed("StructRef#get", () => value.get(at));
    typed("StructRef#set", () => value.set(at, dice.onceIn(2) ? inside : valueOf("anyref", dice, given)));
    typed("RefType#toString", () => [String(value.type), value.type.fields, value.type.matches("eqref")]);
  } else if (value instanceof Exception) {
    typed("Exception#payload", () => [value.payload, value.tag?.type]);
  }
}
