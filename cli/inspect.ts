// cwasm inspect

import { type ArtifactInfo, type ExportType, inspect as look } from "../index.js";
import type { Command } from "./cwasm.js";
import { UsageError, oneFile, readFlags } from "./flags.js";

const help = `cwasm inspect [--json] FILE: say what an artifact is, without loading it.

  --json                    print all there is, settings too, as JSON

The exit status is 1 if FILE is no artifact, and 0 also if this machine can't load it: the last lines say why.`;

function main(args: string[]): number {
  let json = false;
  const flags = { "--json": () => void (json = true) };
  const rest = readFlags(args, flags);
  const file = oneFile(rest);
  const after = readFlags(rest.slice(1), flags);
  if (after.length > 0) throw new UsageError(`one FILE at a time; what is '${after[0]}'?`);
  const info = look(file);
  console.log(json ? JSON.stringify(plain(info), (_, value) => (typeof value === "bigint" ? String(value) : value), 2) : text(info));
  return 0;
}

/** An error has no members that JSON sees. */
function plain({ problem, ...info }: ArtifactInfo) {
  if (!problem) return info;
  const { message, reason, setting, expected, found, hint } = problem;
  return { ...info, problem: { message, reason, setting, expected, found, hint } };
}

function text(info: ArtifactInfo): string {
  const { kind, name, wasmtimeVersion, stamp, packageVersion, profile, target, cpu, compiler, wasm, functions, signature, problem } = info;
  const unknown = "unknown (not made by cwasm)";
  const rows: [string, string | undefined][] = [
    ["kind", shown(kind + (name === undefined ? "" : ` '${name}'`))],
    ["size", size(info.bytes)],
    ["sha256", info.sha256],
    ["stamp", shown(stamp)],
    ["compiled by", wasmtimeVersion === undefined ? unknown : shown(`Wasmtime ${wasmtimeVersion}, package ${packageVersion}${compiler ? `, ${compiler.optLevel}` : ""}`)],
    ["profile", shown(profile ?? unknown)],
    ["target", shown(target ?? unknown)],
    ["CPU", cpu === undefined ? unknown : cpu.features.length === 0 ? "the baseline" : shown(cpu.features.join(" "))],
    ["from wasm", wasm && shown(`${wasm.sha256}, ${size(wasm.bytes)}`)],
    ["functions", functions?.toString()],
    ["imports", info.imports && list(info.imports.map((one) => `${one.module}.${one.name} ${type(one)}`))],
    ["exports", info.exports && list(info.exports.map((one) => `${one.name} ${type(one)}`))],
    ["custom sections", info.customSections && list(info.customSections.map(({ name, bytes }) => `${name} ${size(bytes)}`))],
    ["sections", list(info.sections.map(({ name, bytes }) => `${name} ${size(bytes)}`))],
    ["signed", signature === "malformed" ? "FILE.sig is no signature" : signature ? `${shown(signature.time)}, key ${signature.key.slice(0, 16)}…, ${signature.matches ? "to be verified" : "another file"}` : "no"],
    ["loads here", problem ? list([`no: ${problem.message}`, problem.hint]) : "yes"],
  ];
  return rows.flatMap(([title, text]) => (text === undefined ? [] : [`${title.padEnd(indent)}${text}`])).join("\n");
}
/** Names are whatever their authors chose; a terminal takes some characters for commands. */
const shown = (text: string) => text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);

const indent = 17;
const list = (rows: string[]) => (rows.length === 0 ? "none" : rows.map(shown).join(`\n${" ".repeat(indent)}`));

function type({ kind, type }: ExportType): string {
  const names = (types: unknown) => (Array.isArray(types) ? types.join(", ") : "…");
  if (kind === "function") return `(${names(type.parameters)}) -> (${names(type.results)})`;
  if (kind === "tag") return `tag (${names(type.parameters)})`;
  if (kind === "global") return `global ${type.mutable ? "mut " : ""}${String(type.type)}`;
  const limits = `${type.initial}${type.maximum === undefined ? "" : `..${type.maximum}`}`;
  if (kind === "table") return `table ${limits} of ${String(type.element)}`;
  return `memory ${limits} pages${type.shared ? ", shared" : ""}${type.address === "i64" ? ", 64-bit" : ""}`;
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(2)} MiB`;
}

export const inspect: Command = { help, main };
