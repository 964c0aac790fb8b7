// What an instance exports. Names and types are the same for all instances of a module, so they are asked of native code once; of
// an instance only numbers are (crates/node-api/src/shape.rs).

import { type MakeExport, Question, type Signature, answers, ask, named, signature } from "./call.js";
import { Instantiated } from "./host-table.js";
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

/** The getter of instances. What is none is left to the native one. */
export function exportsOf(get: (this: object) => object) {
  return function (this: object): object {
    if (!Instantiated.is(this)) return get.call(this);
    const told = askOf(this, Question.exports) as number | number[];
    const number = typeof told === "number" ? told : told[0]!;
    const shape = number < 0 ? (shapes[-1 - number] = describe(askOf(this, Question.shape) as string[])) : shapes[number]!;
    const known = Object.getOwnPropertyDescriptor(this, "exports")?.value ?? Exports.of(this);
    if (known) return known;
    return make(this, shape, typeof told === "number" ? undefined : told);
  };
}
const askOf = (instance: object, question: -10 | -11 | -12) =>
  ask(Instantiated.table(instance).store, question, Instantiated.number(instance));

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

/** Makes an instance's exports, and puts them where its getter was, if it may be changed. The numbers are in `answers`, or else in
 * `many`, from 1. */
function make(instance: object, shape: Shape, many: number[] | undefined): object {
  const { names, types, signatures } = shape;
  const numbers: number[] = [];
  // All at once: what is asked next may have its answer there.
  for (let i = 0; i < names.length; i++) numbers[i] = many ? many[i + 1]! : answers[i]!;
  if (shape.times < OFTEN && ++shape.times === OFTEN && names.length <= FEW) {
    const called = askOf(instance, Question.names) as (string | undefined)[];
    shape.makers = called.map((name, i) => (name === undefined ? undefined : named(types[i]!, name)));
  }
  const table = Instantiated.table(instance);
  // Unlike one of Object.create, V8 finds it to be like the others.
  const exports: Record<string, unknown> = Object.setPrototypeOf({}, null);
  for (let i = 0; i < names.length; i++) {
    const type = signatures[i];
    exports[names[i]!] = type ? table.func(numbers[i]!, type, shape.makers[i]) : table.externOf(numbers[i]!, types[i]!);
  }
  Object.freeze(exports);
  if (Object.isExtensible(instance)) Object.defineProperty(instance, "exports", { value: exports, enumerable: true });
  else new Exports(instance, exports);
  return exports;
}
