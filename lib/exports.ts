// What an instance exports. Names and types are the same for all instances of a module, so they are asked of native code once; of
// an instance only numbers are (crates/node-api/src/shape.rs).

import { type MakeExport, type Signature, answers, named, signature } from "./call.js";
import { tableOf } from "./host-table.js";
import { Stamp } from "./stamp.js";

/** What all instances of a module export, in order: of functions the signature, of the rest the kind. */
interface Shape {
  names: string[];
  types: string[];
  signatures: (Signature | undefined)[];
  /** How often they were made, up to `OFTEN`. */
  times: number;
  /** Then, what makes the functions that have the same name in all instances: giving each its name takes most of the time. */
  makers: (MakeExport | undefined)[];
}
/** From so many instances on that pays, for so many exports. */
const OFTEN = 16;
const FEW = 64;
/** By the numbers that native code gives them. */
const shapes: Shape[] = [];

/** The exports of an instance that was frozen before they were first asked for. */
class Exports extends Stamp {
  #exports: object;
  constructor(instance: object, exports: object) {
    super(instance);
    this.#exports = exports;
  }
  static of(instance: object): object | undefined {
    return #exports in instance ? instance.#exports : undefined;
  }
}

/** The getter of what `numbers`, the native one, tells of. */
export function exportsOf(native: Hidden, numbers: (this: object) => number | number[]) {
  return function (this: object): object {
    const told = numbers.call(this);
    const number = typeof told === "number" ? told : told[0]!;
    const shape = number < 0 ? (shapes[-1 - number] = describe(native.shapeOf(this))) : shapes[number]!;
    const known = Object.getOwnPropertyDescriptor(this, "exports")?.value ?? Exports.of(this);
    if (known) return known;
    return make(this, shape, native, typeof told === "number" ? undefined : told);
  };
}

function describe(texts: string[]): Shape {
  const shape: Shape = { names: [], types: [], signatures: [], times: 0, makers: [] };
  for (let i = 0; i < texts.length; i += 2) {
    const type = texts[i + 1]!;
    shape.names.push(texts[i]!);
    shape.types.push(type);
    shape.signatures.push(type.includes(":") ? signature(type) : undefined);
  }
  return shape;
}

/** What native code tells of an instance: of each export the name, and the signature or the kind; of functions what they are called. */
interface Hidden {
  shapeOf(instance: object): string[];
  namesOf(instance: object): (string | undefined)[];
}

/** Makes an instance's exports, and puts them where its getter was, if it may be changed. The numbers are in `answers`, or else in
 * `many`, from 1. */
function make(instance: object, shape: Shape, native: Hidden, many: number[] | undefined): object {
  const { names, types, signatures } = shape;
  const numbers: number[] = [];
  // All at once: what is asked next may have its answer there.
  for (let i = 0; i < names.length; i++) numbers[i] = many ? many[i + 1]! : answers[i]!;
  if (shape.times < OFTEN && ++shape.times === OFTEN && names.length <= FEW) {
    shape.makers = native.namesOf(instance).map((name, i) => (name === undefined ? undefined : named(types[i]!, name)));
  }
  const table = tableOf(instance);
  const exports = Object.create(null);
  for (let i = 0; i < names.length; i++) {
    const type = signatures[i];
    exports[names[i]!] = type ? table.func(numbers[i]!, type, shape.makers[i]) : table.externOf(numbers[i]!, types[i]!);
  }
  Object.freeze(exports);
  if (Object.isExtensible(instance)) Object.defineProperty(instance, "exports", { value: exports, enumerable: true });
  else new Exports(instance, exports);
  return exports;
}
