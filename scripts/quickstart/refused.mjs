// What min cannot do it refuses by name.
import { Engine, Module } from "@cwasm/wasmtime-min";
const emptyModule = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
try {
  await Module.compile(new Engine(), emptyModule);
} catch (error) {
  console.log(JSON.stringify({ name: error.constructor.name, code: error.code, hint: error.hint }));
}
