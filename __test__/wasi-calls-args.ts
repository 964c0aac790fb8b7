// WASI's calls, as tables (wasi-calls.ts): arguments, environment, clocks, random bytes, the process, sockets.

import { type Argument, BUF, OUT, OUT2, type Row, type Table, buffer, fd, of, out, out2, pieces } from "./wasi-calls.js";

const size = (list: string[]) => Buffer.byteLength(list.join("")) + list.length;
const args = ["prog", "é", "", "👩‍🚀"];
const environ = ["KEY=välue", "EMPTY=", "☃=e\u0301"];
const sizes = (list: string[]): Row => [
  "of text in any language",
  [out, out2],
  "SUCCESS",
  (g, t) => t.deepEqual([g.u32(OUT), g.u32(OUT2)], [list.length, size(list)]),
];
/** Each is where its pointer says, with a NUL behind it, and nothing is written behind the last. */
const texts = (list: string[]): Row => [
  "of text in any language",
  [out, buffer],
  "SUCCESS",
  (g, t) => {
    let at = BUF;
    list.forEach((text, n) => {
      t.is(g.u32(OUT + 4 * n), at);
      t.is(g.textAt(at, Buffer.byteLength(text) + 1), `${text}\0`);
      at += Buffer.byteLength(text) + 1;
    });
    t.is(g.textAt(at, 1), "\0");
    t.is(g.u32(OUT + 4 * list.length), 0);
  },
];
/** Nothing that a guest has is a socket. */
const sockets = (call: (of: { fd: number }) => Argument[]) =>
  of(call, { stdin: "NOTSOCK", stdout: "NOTSOCK", dir: "NOTSOCK", file: "NOTSOCK" });

export const table: Table = {
  args_get: [texts(args)],
  args_sizes_get: [sizes(args)],
  environ_get: [texts(environ)],
  environ_sizes_get: [sizes(environ)],
  clock_res_get: [
    ...["realtime", "monotonic"].map((what, id): Row => [
      `of the ${what} clock`,
      [id, out],
      "SUCCESS",
      (g, t) => t.true(g.u64(OUT) > 0n && g.u64(OUT) <= 1_000_000_000n),
    ]),
    // WASI lists only INVAL, Wasmtime has these clocks not at all.
    ["of the process's CPU time", [2, out], "BADF"],
    ["of the thread's CPU time", [3, out], "BADF"],
    ["of no clock", [4, out], "TRAP"], // WASI: INVAL
    ["of clock 2^32-1", [-1, out], "TRAP"],
  ],
  clock_time_get: [
    [
      "of the realtime clock",
      [0, 1n, out],
      "SUCCESS",
      (g, t) => t.true(Math.abs(Date.now() - Number(g.u64(OUT) / 1_000_000n)) < 3_600_000),
    ],
    [
      "of the monotonic clock, which does not go back",
      [1, 0n, out],
      "SUCCESS",
      (g, t) => {
        const before = g.u64(OUT);
        t.is(g.call("clock_time_get", [1, 0n, out]), "SUCCESS");
        t.true(g.u64(OUT) >= before);
      },
    ],
    ["of any precision", [0, -1n, out], "SUCCESS", (g, t) => t.true(g.u64(OUT) > 1_600_000_000_000_000_000n)],
    ["of the process's CPU time", [2, 0n, out], "BADF"], // as above
    ["of the thread's CPU time", [3, 0n, out], "BADF"],
    ["of no clock", [4, 0n, out], "TRAP"],
  ],
  random_get: [
    [
      "of 64 bytes, and no more",
      [buffer, 64],
      "SUCCESS",
      (g, t) => {
        const first = g.memory.read(BUF, 64);
        t.true(new Set(first).size > 16);
        t.deepEqual(g.memory.read(BUF + 64, 64), Buffer.alloc(64));
        t.is(g.call("random_get", [buffer, 64]), "SUCCESS");
        t.notDeepEqual(g.memory.read(BUF, 64), first);
      },
    ],
    ["of no bytes", [buffer, 0], "SUCCESS", (g, t) => t.deepEqual(g.memory.read(BUF, 8), Buffer.alloc(8))],
    ["of all memory behind the buffer", [buffer, 65536], "SUCCESS"],
    ["of one byte more than the memory has", [buffer, 65537], "TRAP"],
    ["of 2^32-1 bytes", [buffer, -1], "TRAP"],
  ],
  sched_yield: [["", [], "SUCCESS"]],
  proc_exit: [
    ["with 0", [0], "EXIT 0", (g, t) => t.is(g.call("sched_yield", []), "SUCCESS")],
    ["with 1", [1], "EXIT 1"],
    ["with 125", [125], "EXIT 125"],
    // WASI: any status. Wasmtime has those that a shell does not use for itself.
    ["with 126", [126], "EXIT 126"],
    ["with 255", [255], "EXIT 255"],
    ["with -1", [-1], "EXIT -1"],
  ],
  // WASI: a guest may signal itself. Preview 2, on which Wasmtime builds, has no signals.
  proc_raise: [
    ["of no signal", [0], "NOTSUP"],
    ["of SIGKILL", [9], "NOTSUP"],
    ["of SIGSYS, the last", [30], "NOTSUP"],
    ["of a signal that is none", [31], "TRAP"],
    ["of signal 2^32-1", [-1], "TRAP"],
  ],
  sock_accept: [...sockets((of) => [of, 0, out]), ["with flags that are none", [fd.stdin, 32, out], "TRAP"]],
  sock_recv: [...sockets((of) => [of, pieces(8), 0, out, out2]), ["with flags that are none", [fd.stdin, pieces(8), 4, out, out2], "TRAP"]],
  sock_send: sockets((of) => [of, pieces("text"), 0, out]),
  sock_shutdown: [...sockets((of) => [of, 3]), ["with a direction that is none", [fd.stdin, 4], "TRAP"]],
};
