// Brings the development tools into node_modules, unless they are there already.

import { statSync } from "node:fs";
import { inRoot, npm, run, say } from "./commands.mjs";

export function install() {
  // npm writes its own copy of the lock file last.
  if (changed("package-lock.json") <= changed("node_modules/.package-lock.json")) return;
  say("Installing the development tools…");
  run(...npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]));
}

function changed(file) {
  return statSync(inRoot(file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
