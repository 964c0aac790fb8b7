// Modules of any size for load.ts: so many functions with loops, branches, loads, stores and calls, the same ones each time.
// Written as binary, as text of this size would take minutes.

type Code = number[];
const [i32, i64, f64] = [0x7f, 0x7e, 0x7c];
/** Locals of each function: the parameters `x` and `depth`, and two more of each type. */
const [x, depth, i, counter, long, wide, real, sum] = [0, 1, 2, 3, 4, 5, 6, 7];
/** How many functions `run` calls. Each calls one to four others, and those call none. */
const called = 16;

/** A module without imports that exports `run(x: i32)`, which calls functions all over it and returns a checksum. */
export function sized(functions: number): Buffer {
  const random = xorshift(functions);
  const bodies = Array.from({ length: functions }, () => body(random, functions));
  bodies.push(entry(functions));
  const type = (params: Code, results: Code) => [0x60, params.length, ...params, results.length, ...results];
  // A page of data, but for the smallest: it takes one in the artifact too.
  const data = functions < 10 ? [] : [[0, 0x41, ...signed(4096), 0x0b, ...unsigned(4096), ...Array.from({ length: 4096 }, () => random(256))]];
  return Buffer.concat([
    Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
    section(1, [type([i32, i32], [i32]), type([i32], [i32])]),
    section(3, [...bodies.slice(1).map(() => [0]), [1]]),
    section(5, [[0, 1]]),
    section(7, [[...text("run"), 0, ...unsigned(functions)]]),
    section(10, bodies.map((code) => [...unsigned(code.length), ...code])),
    section(11, data),
    names(functions),
  ]);
}

/** `run` adds up what functions with the same distance from one to the next return. */
function entry(functions: number): Code {
  const calls = Array.from({ length: called }, (_, at) => Math.floor((at * functions) / called));
  return [0, 0x41, 0, ...calls.flatMap((callee) => [0x20, x, 0x41, 1, 0x10, ...unsigned(callee), 0x6a]), 0x0b];
}

function body(random: Random, functions: number): Code {
  const code = [3, 2, i32, 2, i64, 2, f64];
  for (let n = 4 + random(8); n > 0; n--) code.push(...statement(random));
  code.push(...loop(random));
  // if depth: x ^= callee(x, depth - 1)
  for (let n = 1 + random(4); n > 0; n--) {
    const call = [0x20, x, 0x20, depth, 0x41, 1, 0x6b, 0x10, ...unsigned(random(functions))];
    code.push(0x20, depth, 0x04, 0x40, 0x20, x, ...call, 0x73, 0x21, x, 0x0b);
  }
  for (let n = random(8); n > 0; n--) code.push(...statement(random));
  return [...code, 0x20, x, 0x20, i, 0x73, 0x20, long, 0xa7, 0x6a, 0x0b];
}

function loop(random: Random): Code {
  const body = [...statement(random), ...statement(random)];
  return [0x41, 3, 0x21, counter, 0x03, 0x40, ...body, 0x20, counter, 0x41, 1, 0x6b, 0x22, counter, 0x0d, 0, 0x0b];
}

function statement(random: Random): Code {
  switch (random(6)) {
    case 0: // memory at an expression
      return [...address(random), ...word(random, 2), 0x36, 2, ...unsigned(4 * random(1000))];
    case 1: // x < i: i = …, else x = …
      return [0x20, x, ...word(random, 1), 0x48, 0x04, 0x40, ...word(random, 3), 0x21, i, 0x05, ...word(random, 2), 0x21, x, 0x0b];
    case 2: // long += (i64) … * wide
      return [0x20, long, ...word(random, 2), 0xac, 0x20, wide, 0x42, 1, 0x84, 0x7e, 0x7c, 0x21, random(2) ? long : wide];
    case 3: // real = real * (f64) … + sum
      return [0x20, real, ...word(random, 1), 0xb7, 0xa2, 0x20, sum, 0xa0, 0x21, random(2) ? real : sum];
    default:
      return [...word(random, 3), 0x21, random(2) ? x : i];
  }
}

/** Adds, subtracts, multiplies, ands, ors, xors, shifts and compares. */
const operators = [0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x76, 0x48];

/** An i32. */
function word(random: Random, deep: number): Code {
  if (deep === 0) return random(3) ? [0x20, random(2) ? x : i] : [0x41, ...signed(random(1 << 20))];
  if (random(5) === 0) return [...address(random), 0x28, 2, ...unsigned(4 * random(1000))];
  return [...word(random, deep - 1), ...word(random, random(deep)), operators[random(operators.length)]!];
}
const address = (random: Random): Code => [...word(random, 1), 0x41, ...signed(0x7ffc), 0x71];

/** A section of many items. */
function section(id: number, items: Code[]): Buffer {
  const content = Buffer.concat([Buffer.from(unsigned(items.length)), ...items.map((item) => Buffer.from(item))]);
  return Buffer.concat([Buffer.from([id, ...unsigned(content.length)]), content]);
}

/** Names as compilers write them, with the path in front. */
function names(functions: number): Buffer {
  const mangled = (at: number) => `_ZN5sized6module${Math.floor(at / 20)}8function17h${at.toString(16).padStart(16, "0")}E`;
  const name = (at: number) => (at === functions ? "run" : mangled(at));
  const map = section(1, Array.from({ length: functions + 1 }, (_, at) => [...unsigned(at), ...text(name(at))]));
  const content = Buffer.concat([Buffer.from(text("name")), map]);
  return Buffer.concat([Buffer.from([0, ...unsigned(content.length)]), content]);
}

const text = (text: string): Code => [...unsigned(text.length), ...Buffer.from(text)];
function unsigned(n: number): Code {
  return n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...unsigned(n >>> 7)];
}
function signed(n: number): Code {
  return n >= -0x40 && n < 0x40 ? [n & 0x7f] : [(n & 0x7f) | 0x80, ...signed(n >> 7)];
}

/** A whole number below `n`. */
type Random = (n: number) => number;
function xorshift(seed: number): Random {
  let state = seed | 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}
