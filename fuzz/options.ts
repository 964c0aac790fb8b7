// Every public class and function with arguments that are wrong somewhere, some of which run code of their own that uses the same
// store: only typed errors, and what that code itself has thrown; and the store works afterwards.

import { apis as declared, type Api } from "../__test__/binding.js";
import { type Row, type World, makeWorld, objects, rows, use } from "../__test__/misuse-table.js";
import * as api from "../index.js";
import { Dice } from "./dice.js";
import { files } from "./guests.js";
import { Hostile } from "./hostile.js";
import { type Kind, Wrong } from "./kind.js";
import { Thrown, fault } from "./typed.js";

const isPublic = ({ kind, name, owner }: Api) => (kind === "function" ? name : owner) in api;
const exported: Api = { name: "exported", owner: "", key: "", kind: "function", parameters: [], returns: "any" };
const all = [...declared.filter(isPublic), exported].flatMap((api) => [rows[api.name]!].flat().map((row): [Api, Row] => [api, row]));
/** Those that take nothing are soon known. */
const taking = all.filter(([api]) => api.parameters.length > 0 || api === exported);

export const options: Kind = ({ seed }) => (number) => ({
  input: `the case ${number} of the seed ${seed}`,
  async run() {
    const { problems } = await new Scene(new Dice("options", seed, number)).play();
    if (problems.length > 0) throw new Wrong(problems.join("\n    "));
  },
});

/** Some uses of what belongs together. */
class Scene {
  readonly problems: string[] = [];
  private readonly w: World = makeWorld(files);
  private readonly told: string[] = [];
  private depth = 0;
  private readonly pending: Promise<unknown>[] = [];
  private readonly hostile: Hostile;

  constructor(private readonly dice: Dice) {
    this.hostile = new Hostile(dice, () => this.ours(), () => this.effect());
    const called = <T>(result: T) => {
      this.effect();
      if (dice.onceIn(4)) throw new Thrown();
      return result;
    };
    this.w.f = () => called(1);
    this.w.g = (x) => called(x);
  }

  async play(): Promise<this> {
    for (let left = this.dice.between(1, 6); left > 0; left--) {
      this.use();
      // What is compiled meanwhile may use what the next one spoils.
      if (this.dice.onceIn(2)) await Promise.all(this.pending);
    }
    await Promise.all(this.pending);
    // From now on nothing has an effect.
    this.depth = Infinity;
    if (!this.w.store.disposed) this.attempt("the store afterwards", () => this.worksAfterwards());
    return this;
  }
  private worksAfterwards(): void {
    const sum = this.w.exports.add(1, 2);
    if (sum !== 3) this.problems.push(`1 + 2 is ${sum} afterwards`);
  }

  /** One use of one API, with none, some or all of its arguments spoiled. */
  private use(): void {
    const [api, row] = this.dice.pick(this.dice.onceIn(6) ? all : taking);
    this.attempt(api.name, () => {
      const { w, hostile, dice } = this;
      const on = row.on ? row.on(w) : ["method", "getter", "setter"].includes(api.kind) ? objects[api.owner]!(w) : undefined;
      let args = row.args(w);
      // Nobody would wake it.
      if (api.key === "atomicWait") args[2] = 123456789;
      const spoiled = api.key === "atomicWait" || !dice.onceIn(4) ? [dice.below(args.length)] : args.keys();
      for (const i of spoiled) if (args.length > 0 && !dice.onceIn(6)) args[i] = hostile.spoiled(args[i]);
      if (dice.onceIn(16)) args = args.slice(0, dice.below(args.length + 1));
      if (dice.onceIn(16)) args.push(hostile.value());
      return use(api, on, args);
    });
  }

  private attempt(what: string, step: () => unknown): void {
    this.told.push(what);
    try {
      const result = step();
      if (result instanceof Promise) this.pending.push(result.catch((error: unknown) => this.check(what, error)));
    } catch (error) {
      this.check(what, error);
    }
  }
  private check(what: string, error: unknown): void {
    const { code } = Object(error) as { code?: unknown };
    // Node's own, of files.
    if (error instanceof Error && /^E[A-Z]+$/.test(String(code)) && !(error instanceof api.WasmtimeError)) return;
    const wrong = fault(error);
    if (wrong !== undefined) this.problems.push(`${what} (after ${this.told.join(", ")}): ${wrong}`);
  }

  /** Something of a store's or an engine's. */
  private ours(): unknown {
    let found: unknown;
    const { w, dice } = this;
    this.attempt("a thing of ours", () => (found = dice.pick(Object.values(objects))(dice.onceIn(8) ? makeWorld(files) : w)));
    return found;
  }

  /** What user code does in between. */
  private effect(): void {
    if (this.depth > 2) return;
    this.depth++;
    this.attempt("in between", () => this.dice.pick(effects)(this.w, () => this.use()));
    this.depth--;
  }
}

type InBetween = (w: World, use: () => void) => unknown;
const effects: InBetween[] = [
  (w) => w.store.dispose(),
  (w) => w.memory.grow(1),
  (w) => structuredClone(w.memory.buffer, { transfer: [w.memory.buffer] }),
  (w) => w.table.grow(1),
  (w) => w.exports.add(1, 2),
  (w) => w.exports.call(),
  (w) => new api.Instance(w.store, w.starter, w.imports),
  (w) => w.linker.define("m", "n", w.memory),
  (w) => (w.store.limits = { memoryBytes: 1 << 24 }),
  () => globalThis.gc!(),
  (_, use) => use(),
];
