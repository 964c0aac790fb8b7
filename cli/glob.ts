// Patterns of file names, for shells that know none and for those that a build script has quoted: `*`, `**`, `?` and `{a,b}`.

import { readdirSync } from "node:fs";
import { join, sep } from "node:path";

/** The folder that a pattern begins in, and the files below it that match, sorted, with `/`. A name without a pattern is itself. */
export function glob(pattern: string): { base: string; files: string[] } {
  const parts = pattern.split(sep === "\\" ? /[\\/]/ : "/");
  const fixed = parts.findIndex((part) => /[*?{]/.test(part));
  if (fixed < 0) return { base: parts.slice(0, -1).join("/") || (pattern.startsWith("/") ? "/" : "."), files: [parts.at(-1)!] };
  const base = parts.slice(0, fixed).join("/") || (pattern.startsWith("/") ? "/" : ".");
  const matches = new RegExp(`^${parts.slice(fixed).map(expression).join("/").replaceAll("**/", "(?:[^/]+/)*")}$`);
  const files = walk(base, "").filter((file) => matches.test(file));
  return { base, files: files.sort() };
}

function expression(part: string): string {
  if (part === "**") return part;
  return part.replace(/[.+^$()|[\]\\]/g, "\\$&").replace(/\*+|\?|\{([^{}]*)\}/g, (found, choices?: string) => {
    if (choices !== undefined) return `(?:${choices.replaceAll(",", "|")})`;
    return found === "?" ? "[^/]" : "[^/]*";
  });
}

function walk(base: string, folder: string): string[] {
  return readdirSync(join(base, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder + entry.name;
    return entry.isDirectory() ? walk(base, `${path}/`) : [path];
  });
}
