// What the full build has compiled of a batch, for min: one file, of a number, a length and the bytes for each module.

import { appendFileSync, existsSync, readFileSync } from "node:fs";

export class Artifacts {
  private found?: Map<number, Uint8Array>;

  constructor(private readonly file: string) {}

  /** Keeps the artifact of a case. */
  put(number: number, bytes: Uint8Array): void {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(number, 0);
    head.writeUInt32LE(bytes.length, 4);
    appendFileSync(this.file, Buffer.concat([head, bytes]));
  }
  /** The artifact of a case, if its module was compiled. */
  get(number: number): Uint8Array | undefined {
    return (this.found ??= this.read()).get(number);
  }
  private read(): Map<number, Uint8Array> {
    const found = new Map<number, Uint8Array>();
    if (!existsSync(this.file)) return found;
    const bytes = readFileSync(this.file);
    for (let at = 0; at < bytes.length;) {
      const [number, end] = [bytes.readUInt32LE(at), at + 8 + bytes.readUInt32LE(at + 4)];
      found.set(number, bytes.subarray(at + 8, end));
      at = end;
    }
    return found;
  }
}
