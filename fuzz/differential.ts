// The same module here and in V8, with the same imports and the same arguments: all that can be seen must be the same.

import { isDeepStrictEqual } from "node:util";
import { Engine, Module, features } from "../index.js";
import { compare } from "./compare.js";
import { Dice } from "./dice.js";
import { generated } from "./generated.js";
import { type Kind, Wrong } from "./kind.js";
import { Here, There } from "./sides.js";
import { type Stopped, run } from "./steps.js";

const { WebAssembly } = globalThis as any;
/** Each in an instance of its own, as what wasm-smith gives a guest to run with is soon used up. */
const rounds = 3;

export const differential: Kind = (batch, artifacts) => {
  // A guest that goes deep is stopped by wasm-smith's own count, before either stack ends.
  const engine = new Engine({ maxWasmStack: 1 << 20 });
  // As its author wrote it.
  const unchecked = features.has("cranelift") ? new Engine({ maxWasmStack: 1 << 20, compiler: { interruptible: false } }) : undefined;
  const module = generated("differential", batch);
  return (number) => {
    const input = module(number);
    return {
      input,
      run() {
        const ours = load(engine, input, artifacts.get.bind(artifacts, number));
        if (features.has("cranelift")) artifacts.put(number, ours.serialize());
        const theirs = new WebAssembly.Module(input);
        let stopped: Stopped;
        for (let round = 0; round < rounds; round++) {
          const seed = [batch.seed, number, round];
          const side = new Here(ours);
          const here = run(side, new Dice(...seed));
          const there = run(new There(ours, theirs), new Dice(...seed));
          stopped ??= here.stopped ?? there.stopped;
          compare(here, there);
          if (unchecked && round === 0) {
            const plain = new Here(Module.compileSync(unchecked, input));
            const log = run(plain, new Dice(...seed));
            compare(here, log);
            const whole = here.stopped === undefined && log.stopped === undefined;
            if (whole && !isDeepStrictEqual(side.places, plain.places)) throw new Wrong(`traps at ${side.places}, without checks at ${plain.places}`);
          }
        }
        return stopped;
      },
    };
  };
};

function load(engine: Engine, input: Uint8Array, artifact: () => Uint8Array | undefined): Module {
  if (features.has("cranelift")) return Module.compileSync(engine, input);
  const bytes = artifact();
  if (!bytes) throw new Wrong("the full build did not compile it");
  return Module.deserialize(engine, bytes);
}
