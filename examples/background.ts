// Guests on threads of their own use all cores; their host functions are called on this one.
// prints: called
// prints: [ 1000000, 2000000 ]

import { Engine, Instance, Module, Store, callInBackground } from "@cwasm/wasmtime";

const engine = new Engine({ profile: "sandbox" }); // with epochs: a guest can be stopped
const module = Module.compileSync(engine, `
  (module
    (import "env" "done" (func $done (param i32)))
    (func (export "count") (param $n i32) (result i32)
      (local $i i32)
      (loop $again (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (call $done (local.get $i))
      (local.get $i)))`);

let calls = 0;
const guest = () => new Instance(new Store(engine), module, { env: { done: () => ++calls === 2 && console.log("called") } });
const [one, two] = [guest(), guest()];
console.log(await Promise.all([callInBackground(one.exports.count, 1_000_000), callInBackground(two.exports.count, 2_000_000)]));
