// What is done with a module on each side, and what is noted of it.

import { createHash } from "node:crypto";
import { type ExportType, type FuncType, Func } from "../index.js";
import { Dice } from "./dice.js";
import { Here, type End, type Side, hasVector } from "./sides.js";
import { Thrown } from "./typed.js";
import { valueOf } from "./values.js";

/** Why there is no more to compare. */
export type Stopped = string | undefined;
export interface Log {
  lines: string[];
  /** The traps among the lines, whose words differ. */
  traps: Map<number, string>;
  stopped: Stopped;
}

const overflow = "a stack overflowed, of which each engine has its own";
class Stop extends Error {}

export function run(side: Side, dice: Dice): Log {
  const log: Log = { lines: [...side.shape], traps: new Map(), stopped: undefined };
  try {
    steps(side, dice, log);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    log.stopped = error.message;
  } finally {
    if (side instanceof Here) side.store.dispose();
  }
  return log;
}

function steps(side: Side, dice: Dice, log: Log): void {
  let [exports, depth]: [Record<string, any>, number] = [{}, 0];
  const types = side.module.exports;
  const names = new Map<unknown, string>();
  const inWords = (value: unknown): string => {
    if (names.has(value)) return names.get(value)!;
    if (Array.isArray(value)) return `[${value.map(inWords).join(", ")}]`;
    if (typeof value === "function") return `function ${value.name}`;
    if (typeof value === "bigint") return `${value}n`;
    return Object.is(value, -0) ? "-0" : typeof value === "string" ? JSON.stringify(value) : String(value);
  };
  const end = (what: string, ended: End) => {
    if ("trap" in ended) log.traps.set(log.lines.length, ended.trap);
    log.lines.push("trap" in ended ? `${what} traps` : "error" in ended ? `${what} throws ${ended.error}` : `${what} overflows`);
    // What was written until then differs too.
    if ("overflow" in ended) throw new Stop(overflow);
  };
  const attempt = (what: string, step: () => unknown): boolean => {
    try {
      const result = step();
      log.lines.push(`${what} is ${inWords(result)}`);
      return true;
    } catch (error) {
      if (error instanceof Stop) throw error;
      end(what, side.endOf(error));
      return false;
    }
  };
  const call = (type: ExportType & { kind: "function" }) => {
    const { parameters, results } = type.type;
    if (hasVector([...parameters, ...results])) return;
    const given = [...names.keys()].filter((value) => typeof value === "function");
    const args = parameters.map((type) => valueOf(type, dice, type === "funcref" ? given : []));
    attempt(`${type.name}(${args.map(inWords).join(", ")})`, () => exports[type.name](...args));
  };
  const functions = types.filter((type) => type.kind === "function");
  const host = ({ type }: { type: FuncType }, index: number) => (...args: unknown[]) => {
    log.lines.push(`import ${index} is given ${inWords(args)}`);
    if (dice.onceIn(20)) throw new Thrown("of the host's");
    if (depth < 3 && names.size > 0 && functions.length > 0 && dice.onceIn(3)) {
      depth++;
      call(dice.pick(functions));
      depth--;
    }
    if (names.size > 0 && dice.onceIn(3)) {
      const type = dice.pick(types);
      change(type, exports[type.name], dice, attempt);
    }
    const results = type.results.map((result) => valueOf(result, dice));
    return results.length === 1 ? results[0] : results;
  };

  const made = attempt("new Instance", () => {
    exports = side.instantiate(host, ({ type }) => (type.type === "v128" ? undefined : valueOf(type.type, dice)));
  });
  if (!made) return;
  for (const { name } of types) {
    const value = exports[name];
    if (!names.has(value)) names.set(value, `export ${names.size}`);
    log.lines.push(`${JSON.stringify(name)} is ${names.get(value)}, ${typeof value}`);
    if (typeof value === "function") log.lines.push(`its name is ${value.name} and its length ${value.length}`);
    if (typeof value === "function" && side instanceof Here) sameType(Func.type(value), types.find((type) => type.name === name)!);
  }
  const start = dice.below(functions.length || 1);
  for (let i = 0; i < functions.length; i++) call(functions[(start + i) % functions.length]!);
  for (const type of types) look(type, exports[type.name], attempt);
}

function sameType(given: FuncType, { name, type }: ExportType): void {
  if (JSON.stringify(given) !== JSON.stringify(type)) throw new Error(`Func.type of ${name} is not what module.exports says`);
}

const hashOf = (bytes: Uint8Array) => `${bytes.length} bytes, ${createHash("sha1").update(bytes).digest("hex")}`;

type Attempt = (what: string, step: () => unknown) => void;

/** What JavaScript does to a guest's things while the guest runs. */
function change({ name, kind, type }: ExportType, value: any, dice: Dice, attempt: Attempt): void {
  if (kind === "memory") attempt(`grow ${name}`, () => value.grow(dice.below(3)));
  if (kind === "table") {
    const [at, grows] = [dice.below(10), dice.onceIn(2)];
    const element = type.element === "externref" ? valueOf("externref", dice) : null;
    attempt(`change ${name}`, () => (grows ? value.grow(dice.below(3), element) : value.set(at, element)));
  }
  if (kind === "global" && type.type !== "v128") {
    const given = type.type === "funcref" ? null : valueOf(type.type, dice);
    attempt(`set ${name}`, () => void (value.value = given));
  }
}

/** Notes what is in a memory, a table or a global. */
function look({ name, kind, type }: ExportType, value: any, attempt: Attempt): void {
  if (kind === "memory") attempt(`memory ${name}`, () => hashOf(new Uint8Array(value.buffer)));
  if (kind === "global" && type.type !== "v128") attempt(`global ${name}`, () => value.value);
  if (kind === "table") {
    attempt(`table ${name}`, () => value.length);
    for (let i = 0; i < Math.min(value.length, 100); i++) attempt(`table ${name}[${i}]`, () => value.get(i));
  }
}
