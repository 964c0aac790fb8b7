// What there are prebuilt addons for, and which of them this process needs.

import { closeSync, openSync, readSync } from "node:fs";

/** Named as napi-rs names them. The folders of npm/, the packed manifests and the loader are held to this list by a test. */
export const platforms: readonly string[] = [
  "linux-x64-gnu",
  "linux-x64-musl",
  "linux-arm64-gnu",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
  "win32-x64-msvc",
  "win32-arm64-msvc",
];

/** The prebuilt packages by the name of their build. */
export const packages: Readonly<Record<string, string>> = { full: "@cwasm/wasmtime", min: "@cwasm/wasmtime-min" };

/** The platform of this process, in the form of the list above, whether it is in the list or not. */
export function hostPlatform(): string {
  const { platform, arch } = process;
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  if (platform === "win32") return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
}

/** The C library counts that Node itself is linked to, not the ones that happen to be installed. No process is started to find out. */
function isMusl(): boolean {
  const interpreter = /\/ld-(musl|linux)/.exec(startOfExecutable())?.[1];
  if (interpreter !== undefined) return interpreter === "musl";
  // A static or unreadable executable. The report costs milliseconds, and seconds if it may look up host names.
  const { report } = process as { report?: { excludeNetwork?: boolean; getReport(): object } };
  if (!report) return false;
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return header.glibcVersionRuntime === undefined;
}

/** An ELF file names its dynamic loader right behind the program headers. */
function startOfExecutable(): string {
  try {
    const file = openSync(process.execPath, "r");
    try {
      const bytes = Buffer.alloc(4096);
      return bytes.toString("latin1", 0, readSync(file, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return ""; // not readable, e.g. under the permission model
  }
}
