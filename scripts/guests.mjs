// npm run guests [-- NAME… --variant=full|min --no-build]: builds, then runs real programs from npm on both variants, all or those that are
// named: esbuild, python, sqlite, hash, llhttp. Fetched and compiled once. With --no-build, on what was built last, also with --debug.
// The last line is `N passed, N failed`.

import { fail, node, say } from "./commands.mjs";
import { guests, prepare } from "../guests/fetch.mjs";

const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith("--"));
const only = words.find((word) => word.startsWith("--variant="))?.slice("--variant=".length);
const all = Object.keys(guests);
const unknown = named.find((name) => !all.includes(name));
if (unknown !== undefined) fail(`there is no guest '${unknown}': ${all.join(", ")}`);
const names = all.filter((name) => named.length === 0 || named.includes(name));
const variants = ["full", "min"].filter((variant) => only === undefined || variant === only);

if (!words.includes("--no-build")) node(["scripts/build.mjs"]);
for (const name of names) await prepare(name);
say("Running the guests…");
const { runGuests } = await import("../dist/guests/guests.js");
const { passed, failed } = await runGuests(variants, names);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
