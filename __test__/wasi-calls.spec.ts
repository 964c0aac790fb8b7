// Every function of WASI preview 1, called well and in every wrong way: the tables are in wasi-calls-*.ts.

import always, { type ExecutionContext } from "ava";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { folder, needing } from "./helper.js";
import { Guest, type Outcome, type Row, fd, tree, wrongly } from "./wasi-calls.js";
import { table as args } from "./wasi-calls-args.js";
import { table as descriptors } from "./wasi-calls-fd.js";
import { table as io } from "./wasi-calls-io.js";
import { table as paths } from "./wasi-calls-path.js";
import { table as poll } from "./wasi-calls-poll.js";
import { signatures } from "./wasi-guest.js";

const test = needing("wasi");

const table = { ...args, ...descriptors, ...io, ...paths, ...poll };

const rows = Object.entries(table).flatMap(([name, rows]) =>
  [...rows, ...wrongly(name, rows[0]!)].map((row): [string, Row] => [name, row]),
);

/** The files of those rows that leave them as they are. */
let shared: string | undefined;
test.after.always(() => shared && rmSync(shared, { recursive: true }));

function make(t: ExecutionContext, guest: Guest, [name, [, args, outcome, check, prepare]]: [string, Row]) {
  prepare?.(guest);
  t.is(guest.call(name, args), outcome);
  t.false(inspect(guest.error).includes(guest.root), "an error says nothing about the host");
  check?.(guest, t);
  // Whatever it was, the guest can go on.
  t.is(guest.call("sched_yield", []), "SUCCESS");
}
for (const row of rows) {
  const [name, [situation, , outcome, check, prepare]] = row;
  const what = [name, situation].filter(Boolean).join(" ");
  const harmless = outcome !== "SUCCESS" && !check && !prepare;
  test(`${what}: ${outcome}`, (t) => {
    const root = harmless ? (shared ??= tree(mkdtempSync(join(tmpdir(), "cwasm-test-")))) : tree(folder(t));
    make(t, new Guest(root), row);
  });
}
// What is read or written there is copied first.
for (const [name, [first]] of Object.entries(table)) {
  needing("wasi", "threads")(`${name} ${first![0]}, with a shared memory: ${first![2]}`, (t) =>
    make(t, new Guest(tree(folder(t)), { sharedMemory: true }), [name, first!]));
}

test("path_open with as many descriptors open as there may be: MFILE, until one is closed", (t) => {
  const guest = new Guest(tree(folder(t)), { maxDescriptors: Object.keys(fd).length });
  const [, args] = table["path_open"]![0]!;
  t.is(guest.call("path_open", args), "MFILE");
  for (const each of [fd.appender, fd.writer]) guest.call("fd_close", [each]);
  for (let i = 0; i < 3; i++) t.is(guest.call("path_open", args), i > 1 ? "MFILE" : "SUCCESS");
});
test("path_open with no place for the descriptor opens nothing", (t) => {
  const guest = new Guest(tree(folder(t)), { maxDescriptors: Object.keys(fd).length + 1 });
  const [, args] = table["path_open"]![0]!;
  for (let i = 0; i < 5; i++) t.is(guest.call("path_open", [...args.slice(0, -1), 1 << 30]), "TRAP");
  t.deepEqual([guest.call("path_open", args), guest.call("path_open", args)], ["SUCCESS", "MFILE"]);
});
for (const name of ["fd_pread", "fd_readdir", "poll_oneoff"]) {
  test(`${name} with as many descriptors open as there may be: SUCCESS, as it opens none`, (t) => {
    const guest = new Guest(tree(folder(t)), { maxDescriptors: Object.keys(fd).length });
    t.is(guest.call(name, table[name]![0]![1]), "SUCCESS");
  });
}

/** Functions that Wasmtime has only to say that it has them not, and those that can't fail. */
const neverSucceed = ["fd_allocate", "fd_fdstat_set_rights", "proc_raise", "sock_accept", "sock_recv", "sock_send", "sock_shutdown"];
const neverFail = ["sched_yield", "proc_exit"];
always("every function of preview 1 has a row in which it succeeds and one in which it fails", (t) => {
  const succeeds = (outcome: Outcome) => outcome === "SUCCESS" || outcome.startsWith("EXIT");
  const names = [...Object.keys(signatures), "proc_exit"];
  t.is(names.length, 46);
  t.deepEqual(Object.keys(table).sort(), [...names].sort());
  for (const name of names) {
    const outcomes = rows.filter((row) => row[0] === name).map(([, [, , outcome]]) => outcome);
    t.is(outcomes.some(succeeds), !neverSucceed.includes(name), `${name} succeeds`);
    t.is(!outcomes.every(succeeds), !neverFail.includes(name), `${name} fails`);
  }
});
