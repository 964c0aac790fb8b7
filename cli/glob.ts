// Patterns of file names, for shells that know none and for those that a build script has quoted: `*`, `**`, `?` and `{a,b}`.

import { readdirSync } from "node:fs";
import { basename, dirname, isAbsolute, join, normalize, sep } from "node:path";

/** The folder that a pattern begins in, and the files below it that match, sorted, with `/`. A name without a pattern is itself. */
export function glob(pattern: string): { base: string; files: string[] } {
  const text = slashes(pattern);
  const magic = text.search(/[*?{]/);
  if (magic < 0) {
    const path = slashes(normalize(text));
    const inside = !isAbsolute(path) && !path.startsWith("../");
    return inside ? { base: ".", files: [path] } : { base: dirname(path), files: [basename(path)] };
  }
  const start = text.lastIndexOf("/", magic) + 1;
  const base = start === 0 ? "." : normalize(text.slice(0, start));
  const matches = new RegExp(`^${expression(text.slice(start))}$`);
  return { base, files: walk(base, "").filter((file) => matches.test(file)).sort() };
}

const slashes = (path: string) => (sep === "\\" ? path.replaceAll("\\", "/") : path);

function expression(pattern: string): string {
  return pattern.replace(/\*\*\/|\*+|\?|\{([^{}]*)\}|[.+^$()|[\]\\{}]/g, (found, choices?: string) => {
    if (choices !== undefined) return `(?:${choices.split(",").map(expression).join("|")})`;
    if (found === "**/") return "(?:[^/]+/)*";
    if (found === "**") return ".*";
    if (found[0] === "*") return "[^/]*";
    return found === "?" ? "[^/]" : `\\${found}`;
  });
}

function walk(base: string, folder: string): string[] {
  return readdirSync(join(base, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder + entry.name;
    return entry.isDirectory() ? walk(base, `${path}/`) : [path];
  });
}
