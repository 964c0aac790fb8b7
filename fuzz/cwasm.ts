// Damaged artifacts: IncompatibleModuleError, or a module where the damage hit nothing that is looked at. It is not run: an
// artifact is native code.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Engine, IncompatibleModuleError, Module, features } from "../index.js";
import { Dice } from "./dice.js";
import { files } from "./guests.js";
import { type Kind, Wrong } from "./kind.js";
import { folder } from "./kinds.js";
import { mutate } from "./mutate-elf.js";
import { typed } from "./typed.js";

const reasons = ["wasm", "notAnArtifact", "version", "profile", "setting"];

export const cwasm: Kind = ({ seed }) => {
  const names = Object.keys(files).filter((name) => name !== "refs" || features.has("gc")) as (keyof typeof files)[];
  const whole = names.map((name) => readFileSync(files[name]));
  const engines = (["default", "default", "default", "metered"] as const).map((profile) => new Engine({ profile }));
  return (number) => {
    const dice = new Dice("cwasm", seed, number);
    const input = mutate(dice.pick(whole), dice);
    const engine = dice.pick(engines);
    const mapped = dice.onceIn(3);
    return {
      input,
      run() {
        const loaded = typed("loading", () => (mapped ? loadedFile(engine, input) : Module.deserialize(engine, input)));
        if (loaded instanceof Module) return;
        if (!(loaded instanceof IncompatibleModuleError)) throw new Wrong(`no IncompatibleModuleError, but ${loaded}`);
        const { reason, hint } = loaded;
        if (!reasons.includes(reason) || !hint) throw new Wrong(`refused with the reason '${reason}' and the hint '${hint}'`);
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
