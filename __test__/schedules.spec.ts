// Calls that wait, run beside and are aborted, in random order, in stores that are disposed and workers that are ended: nothing crashes,
// hangs or is left, and every promise is settled. What fails names its schedule's number.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { artifact, heard, needing, root } from "./helper.js";

const guest = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1 10)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
  (func (export "twice") (param i32) (result i32) (call $f (call $f (local.get 0))))
  (func (export "count") (param i32) (result i32) (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3000000)))) (local.get $i))
  (func (export "spin") (param i32) (result i32) (loop $l (br $l)) (unreachable)))`;

for (const [profile, first, count, workers] of [["sandbox", 1, 500, 20], ["default", 100_001, 500, 20]] as const) {
  needing("async").serial(`${count} schedules from ${first} on, and ${workers} workers that are ended amid theirs: ${profile}`, (t) => {
    t.timeout(280_000);
    const words = ["--expose-gc", join(root, "dist/__test__/schedules.js"), artifact(guest, profile), profile, ...[first, count, workers].map(String)];
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", timeout: 270_000, killSignal: "SIGKILL" });
    heard(stderr);
    t.deepEqual([status, signal], [0, null], stderr);
    t.deepEqual(JSON.parse(stdout), { schedules: count, workers });
  });
}
