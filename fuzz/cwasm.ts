// Damaged artifacts: IncompatibleModuleError, or a module where the damage hit nothing that is looked at. It is not run: an
// artifact is native code.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Engine, IncompatibleModuleError, Module, features, inspect } from "../index.js";
import { Dice } from "./dice.js";
import { files, images } from "./guests.js";
import { type Kind, Wrong } from "./kind.js";
import { folder } from "./kinds.js";
import { mutate } from "./mutate-elf.js";
import { typed } from "./typed.js";

const reasons = ["wasm", "notAnArtifact", "damaged", "version", "profile", "target", "cpu", "compilerVersion", "setting"];

export const cwasm: Kind = ({ seed }) => {
  const names = Object.keys(files).filter((name) => name !== "refs" || features.has("gc")) as (keyof typeof files)[];
  const whole = names.map((name) => readFileSync(files[name]));
  const stock = images.filter((image) => features.has("gc") || !image.endsWith("refs.image")).map((image) => readFileSync(image));
  const engines = (["default", "default", "default", "metered"] as const).map((profile) => new Engine({ profile }));
  const exchanging = new Engine({ moduleVersion: "wasmtime" });
  return (number) => {
    const dice = new Dice("cwasm", seed, number);
    const isStock = dice.onceIn(2);
    const input = mutate(dice.pick(isStock ? stock : whole), dice);
    const engine = isStock ? exchanging : dice.pick(engines);
    const mapped = dice.onceIn(3);
    return {
      input,
      run() {
        const info = typed("inspect", () => inspect(input));
        const loaded = typed("loading", () => (mapped ? loadedFile(engine, input) : Module.deserialize(engine, input)));
        if (loaded instanceof Module) loaded.customSections("x");
        for (const result of [info, loaded]) {
          if (!(result instanceof Error)) continue;
          if (!(result instanceof IncompatibleModuleError)) throw new Wrong(`no IncompatibleModuleError, but ${result}`);
          const { reason, hint } = result;
          if (!reasons.includes(reason) || !hint) throw new Wrong(`refused with the reason '${reason}' and the hint '${hint}'`);
        }
      },
    };
  };
};

/** A file of its own, as one that is loaded is mapped. */
function loadedFile(engine: Engine, bytes: Uint8Array): Module {
  const file = join(folder, `mutated-${process.pid}.cwasm`);
  writeFileSync(file, bytes);
  try {
    return Module.deserializeFile(engine, file);
  } finally {
    rmSync(file);
  }
}
