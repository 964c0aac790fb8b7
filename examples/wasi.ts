// A WASI command: what it may see is what is named.
// prints: exit code 3, it wrote: "from the guest\n"

import { Engine, Module, run } from "@cwasm/wasmtime";

const command = await Module.compile(new Engine(), `
  (module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\08\\00\\00\\00\\0f\\00\\00\\00from the guest\\n")
    (func (export "_start")
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
      (call $proc_exit (i32.const 3))))`);

// Usually a path: run("tool.wasm", …). The guest runs off the JavaScript thread.
const { exitCode, stdout } = await run(command, { stdout: "capture", dirs: {}, env: {} });
console.log(`exit code ${exitCode}, it wrote: ${JSON.stringify(stdout!.toString())}`);
