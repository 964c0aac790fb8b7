// WASI's calls, as tables (wasi-calls.ts): poll_oneoff.

import { readFileSync } from "node:fs";
import { type Argument, BUF, type Guest, OUT, type Row, type Table, errnos, fd, out, pieces } from "./wasi-calls.js";

interface Subscription {
  clock?: number;
  timeout?: bigint;
  absolute?: boolean;
  flags?: number;
  read?: number;
  write?: number;
  tag?: number;
}
const realtime = 0;
const monotonic = 1;
const soon = 1_000_000n;
const never = 1n << 60n;
const types = ["clock", "read", "write"];

/** The subscriptions as bytes; each has its place as its user data, and a bit that only 64 of them hold. */
const user = (n: number) => BigInt(n) | (1n << 63n);
function subscriptions(list: Subscription[]) {
  const bytes = Buffer.alloc(48 * list.length);
  list.forEach(({ clock, timeout = 0n, absolute = false, flags = Number(absolute), read, write, tag }, n) => {
    const at = 48 * n;
    bytes.writeBigUInt64LE(user(n), at);
    bytes[at + 8] = tag ?? (clock !== undefined ? 0 : read !== undefined ? 1 : 2);
    bytes.writeUInt32LE((clock ?? read ?? write ?? 0) >>> 0, at + 16);
    bytes.writeBigUInt64LE(timeout, at + 24);
    bytes.writeUInt16LE(flags, at + 40);
  });
  return bytes;
}
const poll = (...list: Subscription[]): Argument[] => [{ bytes: subscriptions(list) }, { out: BUF }, list.length, out];
const moment: Argument = { bytes: subscriptions([{ clock: monotonic, timeout: soon }]) };
/** Which subscriptions have an event, in their order: its kind and error. */
const events =
  (...expected: [n: number, type: string][]): Row[3] =>
  (g, t) => {
    const seen = Array.from({ length: g.u32(OUT) }, (_, n) => {
      const event = g.memory.read(BUF + 32 * n, 32);
      return [event.readBigUInt64LE(), errnos[event.readUInt16LE(8)], types[event[10]!]];
    });
    t.deepEqual(
      seen,
      expected.map(([n, type]) => [user(n), "SUCCESS", type]),
    );
  };
const flags = (g: Guest, n = 0) => g.memory.read(BUF + 32 * n + 24, 2).readUInt16LE();
const first = (type: string) => events([0, type]);
const reading = (what: { fd: number }): Subscription => ({ read: what.fd });
const writing = (what: { fd: number }): Subscription => ({ write: what.fd });

export const table: Table = {
  poll_oneoff: [
    ["of stdout", poll(writing(fd.stdout)), "SUCCESS", first("write")],
    ["of a moment from now", poll({ clock: monotonic, timeout: soon }), "SUCCESS", first("clock")],
    ["of a moment from now, on the realtime clock", poll({ clock: realtime, timeout: soon }), "SUCCESS", first("clock")],
    ["of no time", poll({ clock: monotonic }), "SUCCESS", first("clock")],
    [
      "of a moment that is past, on the monotonic clock",
      poll({ clock: monotonic, timeout: 1n, absolute: true }),
      "SUCCESS",
      first("clock"),
    ],
    ["of a moment that is past, on the realtime clock", poll({ clock: realtime, timeout: 1n, absolute: true }), "SUCCESS", first("clock")],
    [
      "of a moment to come, on the realtime clock: it is not earlier then",
      poll({ clock: realtime, timeout: 1n, absolute: true }),
      "SUCCESS",
      (g, t) => {
        g.call("clock_time_get", [realtime, 0n, out]);
        const timeout = g.u64(OUT) + 20n * soon;
        t.is(g.call("poll_oneoff", poll({ clock: realtime, timeout, absolute: true })), "SUCCESS");
        first("clock")!(g, t);
        g.call("clock_time_get", [realtime, 0n, out]);
        // The clock may be set meanwhile, and timers are as coarse as milliseconds.
        t.true(g.u64(OUT) >= timeout - 2n * soon);
      },
    ],
    [
      "of a moment to come, on the monotonic clock: it is not earlier then",
      poll({ clock: monotonic, timeout: 1n, absolute: true }),
      "SUCCESS",
      (g, t) => {
        g.call("clock_time_get", [monotonic, 0n, out]);
        const timeout = g.u64(OUT) + 20n * soon;
        t.is(g.call("poll_oneoff", poll({ clock: monotonic, timeout, absolute: true })), "SUCCESS");
        g.call("clock_time_get", [monotonic, 0n, out]);
        t.true(g.u64(OUT) >= timeout);
      },
    ],
    [
      "of two moments: the earlier one",
      poll({ clock: monotonic, timeout: never }, { clock: monotonic, timeout: soon }),
      "SUCCESS",
      events([1, "clock"]),
    ],
    ["of two moments that are past: both", poll({ clock: monotonic }, { clock: monotonic }), "SUCCESS", events([0, "clock"], [1, "clock"])],
    ["of stdin that has bytes", poll(reading(fd.stdin)), "SUCCESS", both(first("read"), reads(fd.stdin, "input"))],
    ["of stdin at its end", poll(reading(fd.stdin)), "SUCCESS", first("read"), (g) => g.call("fd_read", [fd.stdin, pieces(9), out])],
    [
      "of a file to read",
      poll(reading(fd.file)),
      "SUCCESS",
      both(first("read"), (g, t) => t.is(flags(g), 0), reads(fd.file, "0123456789")),
    ],
    [
      "of a file at its end: it has hung up",
      poll(reading(fd.file)),
      "SUCCESS",
      both(first("read"), (g, t) => t.is(flags(g), 1)),
      (g) => g.call("fd_seek", [fd.file, 0n, 2, out]),
    ],
    ["of a read-only file", poll(reading(fd.roFile)), "SUCCESS", first("read")],
    [
      "of a file to write",
      poll(writing(fd.file)),
      "SUCCESS",
      both(first("write"), (g, t) => t.is(readFileSync(g.host("file"), "utf8"), "0123456789")),
    ],
    ["of a file that appends", poll(writing(fd.appender)), "SUCCESS", first("write")],
    [
      "of stdin, stdout, a file and the clock: all that is ready",
      poll(reading(fd.stdin), writing(fd.stdout), writing(fd.file), { clock: monotonic, timeout: never }),
      "SUCCESS",
      events([0, "read"], [1, "write"], [2, "write"]),
    ],
    ["of the same descriptor twice", poll(writing(fd.stderr), writing(fd.stderr)), "SUCCESS", events([0, "write"], [1, "write"])],
    ["of 500 subscriptions", poll(...Array(500).fill(writing(fd.stdout))), "SUCCESS", (g, t) => t.is(g.u32(OUT), 500)],
    ["of nothing", poll(), "INVAL"],
    ["of more than there is memory for", [{ bytes: Buffer.alloc(48) }, { out: BUF }, 1 << 24, out], "NOMEM"],
    // WASI: the error is the event's own. Wasmtime: the call's.
    ["of a closed descriptor, to read", poll({ read: 99 }), "BADF"],
    ["of a closed descriptor, to write", poll({ write: 99 }), "BADF"],
    ["of a closed descriptor and stdout", poll(writing(fd.stdout), { write: 99 }), "BADF"],
    [
      "of stdout, files and a closed descriptor, again and again, which leaves nothing behind",
      poll(writing(fd.stdout), reading(fd.file), writing(fd.appender), { write: 99 }),
      "BADF",
      (g, t) => {
        const args = poll(writing(fd.stdout), reading(fd.file), writing(fd.appender), { write: 99 });
        for (let i = 0; i < 1000; i++) if (g.call("poll_oneoff", args) !== "BADF") t.fail();
        t.is(g.call("poll_oneoff", poll(writing(fd.stdout))), "SUCCESS");
      },
    ],
    ["of stdout, to read", poll(reading(fd.stdout)), "BADF"],
    ["of stdin, to write", poll(writing(fd.stdin)), "BADF"],
    ["of a directory, to read", poll(reading(fd.dir)), "BADF"],
    ["of a directory, to write", poll(writing(fd.sub)), "BADF"],
    ["of a read-only file, to write", poll(writing(fd.roFile)), "PERM"],
    ["of no clock", poll({ clock: 4 }), "INVAL"],
    ["of the process's CPU time, among others", poll({ clock: 2 }, writing(fd.stdout)), "INVAL"], // WASI: NOTSUP
    ["of the thread's CPU time, absolute", poll({ clock: 3, absolute: true }), "INVAL"],
    ["of the thread's CPU time alone, which is any time", poll({ clock: 3, timeout: soon }), "SUCCESS", first("clock")], // a sleep is not asked for its clock
    ["of a moment from now, with events behind the memory", [moment, { out: 131072 }, 1, out], "TRAP"],
    ["of a moment from now, with its result behind the memory", [moment, { out: BUF }, 1, { out: 131072 }], "TRAP"],
    ["of no kind", poll({ tag: 3 }), "INVAL"],
    ["with flags that are none", poll({ clock: monotonic, flags: 2 }), "INVAL"],
  ],
};

function both(...checks: Row[3][]): Row[3] {
  return (g, t) => checks.forEach((check) => check!(g, t));
}
/** The descriptor still has all that it had. */
function reads(from: { fd: number }, text: string): Row[3] {
  return (g, t) => {
    g.call("fd_read", [from, pieces(100), out]);
    t.is(g.textAt(BUF, g.u32(OUT)), text);
  };
}
