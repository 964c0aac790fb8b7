// What min consists of: its sections, and whose functions it has. Takes GNU's `size` and `nm`, which the names are written for.

import { output } from "../commands.mjs";

const kinds = [
  ["code", /^\.(text|plt)/],
  ["tables for unwinding", /^\.(eh_frame|gcc_except_table)/],
  ["constants, and what points to them", /^\.(rodata|data|rela?\.|got|tdata)/],
];
/** Crates of one family are one row. */
const families = [
  ["this package", /^cwasm/],
  ["Wasmtime", /^(wasmtime(?!_wasi)|cranelift|pulley|wasmparser|target_lexicon|postcard|serde|object|smallvec|hashbrown|indexmap|once_cell)/],
  ["WASI: `wasmtime-wasi`, tokio and what they are made of", /^(wasmtime_wasi|wiggle|tokio|tracing|bytes|rand|chacha20|getrandom|cap_|rustix|futures|mio)/],
  ["what Rust reports a panic with", /^(gimli|addr2line|miniz_oxide|rustc_demangle|std::backtrace|std::sys::backtrace)/],
  ["napi", /^napi/],
  ["Rust's standard library", /^(core|alloc|std|compiler_builtins)\b/],
];

/** The table, from an addon with symbols. */
export function contents(addon) {
  const rows = [...sections(addon), ...functions(addon)].map(([what, bytes]) => `| ${what} | ${bytes.toLocaleString("en")} |`);
  return ["| of min | bytes |", "| --- | --: |", ...rows].join("\n");
}

function sections(addon) {
  const all = [...output("size", ["-A", "-d", addon]).matchAll(/^(\.\S+)\s+(\d+)\s+\d+$/gm)];
  const total = (kind) => all.filter(([, name]) => kind.test(name)).reduce((sum, [, , bytes]) => sum + Number(bytes), 0);
  return kinds.map(([what, kind]) => [`**${what}**`, total(kind)]);
}

/** Napi's code for each function of ours is its macro's, and counts as napi's. */
function functions(addon) {
  const totals = new Map(families.map(([what]) => [what, 0]));
  let others = 0;
  for (const [, size, name] of output("nm", ["-S", "-C", "--defined-only", addon]).matchAll(/^\S+ (\S+) [tTwW] (.+)$/gm)) {
    const glue = /_c_callback|ctor_private|__napi_register/.test(name);
    const path = glue ? "napi" : owner(name);
    const [what] = families.find(([, family]) => family.test(path)) ?? [];
    if (what) totals.set(what, totals.get(what) + Number.parseInt(size, 16));
    else others += Number.parseInt(size, 16);
  }
  return [...totals, ["others", others]].map(([what, bytes]) => [`code of ${what}`, bytes]);
}

/** Of `<wasmtime::Engine as core::fmt::Debug>::fmt` it is wasmtime, and of `core::ptr::drop_in_place<wasmtime::Engine>` too. */
function owner(name) {
  const paths = name.match(/[a-zA-Z_][\w]*::[\w:]*/g) ?? [name];
  return paths.find((path) => !/^(core|alloc|std)::/.test(path) || /backtrace/.test(path)) ?? paths[0];
}
