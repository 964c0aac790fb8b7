// Binary wasm from text, also for V8, which reads none.

import wabt from "wabt";

const tools = await wabt();

export function wasm(text: string): Uint8Array {
  return tools.parseWat("benchmark.wat", text).toBinary({}).buffer;
}
