// The modules and instances of a file.

import { Consequence } from "./expect.js";

/** Things by their name in the file. The last one can also be had without a name, and some failed, at a line. */
export class Named<T> {
  private readonly all = new Map<string | undefined, { thing: T } | { failed: number }>();

  /** Keeps what `make` makes, or that it failed. */
  make(names: (string | undefined)[], line: number, make: () => T): void {
    const set = (found: { thing: T } | { failed: number }) => names.forEach((name) => this.all.set(name, found));
    try {
      set({ thing: make() });
    } catch (error) {
      set({ failed: error instanceof Consequence ? error.line : line });
      throw error;
    }
  }
  get(name: string | undefined): T {
    const found = this.all.get(name);
    if (!found) throw new Error(`the file has no module ${name ?? "yet"}`);
    if ("failed" in found) throw new Consequence(found.failed);
    return found.thing;
  }
}
