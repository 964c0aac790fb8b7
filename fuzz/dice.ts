// Random numbers that are the same everywhere and always: sfc32, from a hash of what a case is known by.

export class Dice {
  private a = 0x9e3779b9;
  private b = 0x243f6a88;
  private c = 0xb7e15162;
  private d = 1;

  constructor(...names: (string | number)[]) {
    for (const char of names.join(" ")) this.a = Math.imul(this.a ^ char.charCodeAt(0), 0x01000193);
    for (let i = 0; i < 12; i++) this.next();
  }

  private next(): number {
    const sum = (this.a + this.b + this.d++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0 to before `end`. */
  below(end: number): number {
    return Math.floor((this.next() / 2 ** 32) * end);
  }
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }
  /** True once in so many times. */
  onceIn(times: number): boolean {
    return this.below(times) === 0;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
