// Modules of all proposals, most of them damaged: only CompileError, or a module that can be run within its limits.

import { CompileError, Engine, FeatureUnavailableError, IncompatibleModuleError, Instance, Module, Store, features } from "../index.js";
import { disagreement } from "./agreement.js";
import { Dice } from "./dice.js";
import { exercise } from "./exercise.js";
import { generated } from "./generated.js";
import { importsOf, ours } from "./imports.js";
import { type Kind, Wrong } from "./kind.js";
import { mutate } from "./mutate-wasm.js";
import { Thrown, typed } from "./typed.js";
import { valueOf } from "./values.js";

export const wasm: Kind = (batch, artifacts) => {
  const engine = new Engine({ profile: "metered" });
  const [any, common] = [generated("any", batch), generated("differential", batch)];
  return (number) => {
    const dice = new Dice("wasm", batch.seed, number);
    const [base, other] = dice.onceIn(3) ? [common(number), any(number)] : [any(number), common(number)];
    const input = dice.onceIn(4) ? base : mutate(base, dice, other);
    return {
      input,
      run() {
        if (!features.has("cranelift")) {
          const module = uncompiled(engine, input, artifacts.get(number));
          return module && run(module, dice);
        }
        const module = compiled(engine, input);
        if (module instanceof Module) {
          artifacts.put(number, engine.precompileSync(input));
          run(module, dice);
        }
        return base === common(number) ? disagreement(input, module) : undefined;
      },
    };
  };
};

function compiled(engine: Engine, input: Uint8Array): Module | CompileError {
  const invalid = typed("Module.validate", () => Module.validate(engine, input));
  const module = typed("Module.compileSync", () => Module.compileSync(engine, input));
  for (const result of [invalid, module]) {
    if (result instanceof Error && !(result instanceof CompileError)) throw new Wrong(`no CompileError, but ${result}`);
  }
  if (module instanceof Module && invalid !== undefined) throw new Wrong(`compiles, and does not validate: ${invalid}`);
  if (!(module instanceof Module) && invalid === undefined) throw new Wrong(`validates, and does not compile: ${module}`);
  return module as Module | CompileError;
}

/** Without a compiler wasm is refused, whatever is in it. */
function uncompiled(engine: Engine, input: Uint8Array, artifact: Uint8Array | undefined): Module | undefined {
  const refused = typed("Module.compileSync", () => Module.compileSync(engine, input));
  if (!(refused instanceof FeatureUnavailableError)) throw new Wrong(`no FeatureUnavailableError, but ${String(refused)}`);
  const loaded = typed("Module.deserialize", () => Module.deserialize(engine, input));
  if (!(loaded instanceof IncompatibleModuleError)) throw new Wrong(`no IncompatibleModuleError, but ${String(loaded)}`);
  return artifact && Module.deserialize(engine, artifact);
}

/** Far below what would hurt, and enough for what wasm-smith makes. */
const limits = { memoryBytes: 16 << 20, tableElements: 10_000, instances: 5, memories: 10, tables: 10 };

function run(module: Module, dice: Dice): void {
  using store = new Store(module.engine, { limits: { ...limits, trapOnGrowFailure: dice.onceIn(4) }, fuel: 50_000n, timeoutMs: 5000 });
  const func = ({ type }: { type: { results: readonly any[] } }) => () => {
    if (dice.onceIn(16)) throw new Thrown();
    const results = type.results.map((result) => valueOf(result, dice));
    return results.length === 1 ? results[0] : results;
  };
  const instance = typed("new Instance", () => {
    const imports = importsOf(module.imports, ours(store, func, ({ type }) => valueOf(type.type, dice)));
    return new Instance(store, module, imports);
  });
  if (!(instance instanceof Error)) exercise(store, instance.exports, module.exports, dice);
}
