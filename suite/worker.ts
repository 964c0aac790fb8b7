// A process that runs files of the suite on one build, as it is told to: what a crash would end.

import { Engine, variant } from "../index.js";
import { runFile } from "./script.js";

const engine = new Engine();
if (variant !== process.env["CWASM_VARIANT"]) throw new Error(`this is the ${variant} build`);

process.on("message", (file: string) => {
  process.send!(runFile(engine, file));
});
