// cwasm inspect

import { type ArtifactInfo, inspect as look } from "../index.js";
import { type Command, oneFile } from "./flags.js";
import { shown, typeText as type } from "./text.js";

interface Wishes {
  json?: true;
}

function main({ json }: Wishes, words: string[]): number {
  const info = look(oneFile(words));
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
  const { kind, name, wasmtimeVersion, stamp, packageVersion, profile, interruption, target, cpu, compiler, wasm, functions, signature, problem } = info;
  const unknown = "unknown (not made by cwasm)";
  const rows: [string, string | undefined][] = [
    ["kind", shown(kind + (name === undefined ? "" : ` '${name}'`))],
    ["size", size(info.bytes)],
    ["sha256", info.sha256],
    ["stamp", shown(stamp)],
    ["compiled by", wasmtimeVersion === undefined ? unknown : shown(`Wasmtime ${wasmtimeVersion}, package ${packageVersion}${compiler ? `, ${compiler.optLevel}` : ""}`)],
    ["profile", shown(profile ?? unknown)],
    ["interruption", shown(interruption ?? unknown)],
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

const indent = 17;
const list = (rows: string[]) => (rows.length === 0 ? "none" : rows.map(shown).join(`\n${" ".repeat(indent)}`));

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(2)} MiB`;
}

export const inspect: Command<Wishes> = {
  name: "inspect",
  usage: "[--json] FILE",
  about: "say what an artifact is, without loading it",
  flags: [{ names: "--json", help: "print all there is, settings too, as JSON", read: (wishes) => void (wishes.json = true) }],
  details: "The exit status is 1 if FILE is no artifact, and 0 also if this machine can't load it: the last lines say why.",
  begin: () => ({}),
  main,
};
