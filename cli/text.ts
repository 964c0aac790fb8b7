// Text for people.

import { isatty } from "node:tty";
import type { ExportType } from "../index.js";

/** Names are whatever their authors chose; a terminal takes some characters for commands. */
export const shown = (text: string) => text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);

/** A type as text: `(i32, i32) -> (i32)`. */
export function typeText({ kind, type }: ExportType): string {
  const names = (types: unknown) => (Array.isArray(types) ? types.join(", ") : "…");
  if (kind === "function") return `(${names(type.parameters)}) -> (${names(type.results)})`;
  if (kind === "tag") return `tag (${names(type.parameters)})`;
  if (kind === "global") return `global ${type.mutable ? "mut " : ""}${String(type.type)}`;
  const limits = `${type.initial}${type.maximum === undefined ? "" : `..${type.maximum}`}`;
  if (kind === "table") return `table ${limits} of ${String(type.element)}`;
  return `memory ${limits} pages${type.shared ? ", shared" : ""}${type.address === "i64" ? ", 64-bit" : ""}`;
}

/** Whether what is written to stdout (1) or stderr (2) may have colours. FORCE_COLOR and NO_COLOR are what Node makes of them. */
function colourful(fd: 1 | 2): boolean {
  const { FORCE_COLOR, NO_COLOR, NODE_DISABLE_COLORS, TERM } = process.env;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return !NO_COLOR && !NODE_DISABLE_COLORS && TERM !== "dumb" && isatty(fd);
}

/** Ways to make text stand out on one of the two, or not. */
export function paints(fd: 1 | 2) {
  const on = colourful(fd);
  const paint = (code: string) => (text: string) => (on && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { red: paint("1;31"), bold: paint("1"), faint: paint("2") };
}

/** Text in lines no longer than `width`, from the second on behind `indent` spaces. Words stay whole; lines of its own stay too. */
export function wrapped(text: string, width: number, indent = 0): string {
  const lines = text.split("\n").flatMap((line) => {
    const rows = [""];
    for (const word of line.split(" ")) {
      const row = rows.at(-1)!;
      if (row !== "" && row.length + 1 + word.length > width - indent) rows.push(word);
      else rows[rows.length - 1] = row === "" && rows.length > 1 ? word : row === "" ? word : `${row} ${word}`;
    }
    return rows;
  });
  return lines.join(`\n${" ".repeat(indent)}`);
}
