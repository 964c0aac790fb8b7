// The modules of hash-wasm, written in C: driven by the package's own JavaScript, with cwasm where it asks for V8's `WebAssembly`, and
// beside it with V8's; and some by hand.

import assert from "node:assert/strict";
import { createHash, scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { ProfileName } from "../index.js";
import { type Test, global, load, packaged, standIn, start } from "./guest.js";

type Library = Record<string, (...args: any[]) => Promise<any>>;

const text = "hello world".repeat(5000);
const node = (algorithm: string) => createHash(algorithm).update(text).digest("hex");
const secret = { password: "correct horse", salt: Buffer.from("sixteen bytes ok") };
const work = { ...secret, parallelism: 1, iterations: 2, memorySize: 256, hashLength: 32, outputType: "hex" };

/** By module: how the library is asked, and what Node itself says where it knows. */
const cases: Record<string, { ask: (library: Library) => Promise<string>; expected?: () => string }> = {
  adler32: { ask: ({ adler32 }) => adler32!(text) },
  argon2: { ask: async ({ argon2i, argon2d, argon2id }) => (await Promise.all([argon2i, argon2d, argon2id].map((hash) => hash!(work)))).join() },
  bcrypt: { ask: ({ bcrypt }) => bcrypt!({ ...secret, costFactor: 5, outputType: "encoded" }) },
  blake2b: { ask: ({ blake2b }) => blake2b!(text), expected: () => node("blake2b512") },
  blake2s: { ask: ({ blake2s }) => blake2s!(text), expected: () => node("blake2s256") },
  blake3: { ask: ({ blake3 }) => blake3!(text) },
  crc32: { ask: ({ crc32 }) => crc32!(text), expected: () => crc32(text).toString(16).padStart(8, "0") },
  crc64: { ask: ({ crc64 }) => crc64!(text) },
  md4: { ask: ({ md4 }) => md4!(text) },
  md5: { ask: ({ md5 }) => md5!(text), expected: () => node("md5") },
  ripemd160: { ask: ({ ripemd160 }) => ripemd160!(text), expected: () => node("ripemd160") },
  scrypt: {
    ask: ({ scrypt }) => scrypt!({ ...secret, costFactor: 256, blockSize: 8, parallelism: 2, hashLength: 32 }),
    expected: () => scryptSync(secret.password, secret.salt, 32, { N: 256, r: 8, p: 2 }).toString("hex"),
  },
  sha1: { ask: ({ sha1 }) => sha1!(text), expected: () => node("sha1") },
  sha256: {
    ask: async ({ sha224, sha256 }) => `${await sha224!(text)} ${await sha256!(text)}`,
    expected: () => `${node("sha224")} ${node("sha256")}`,
  },
  sha3: { ask: async ({ sha3 }) => `${await sha3!(text, 256)} ${await sha3!(text, 512)}`, expected: () => `${node("sha3-256")} ${node("sha3-512")}` },
  sha512: {
    ask: async ({ sha384, sha512 }) => `${await sha384!(text)} ${await sha512!(text)}`,
    expected: () => `${node("sha384")} ${node("sha512")}`,
  },
  sm3: { ask: ({ sm3 }) => sm3!(text), expected: () => node("sm3") },
  whirlpool: { ask: ({ whirlpool }) => whirlpool!(text) },
  xxhash128: { ask: ({ xxhash128 }) => xxhash128!(text, 1, 2) },
  xxhash3: { ask: ({ xxhash3 }) => xxhash3!(text, 1, 2) },
  xxhash32: { ask: ({ xxhash32 }) => xxhash32!(text, 1) },
  xxhash64: { ask: ({ xxhash64 }) => xxhash64!(text, 1, 2) },
};

/** The package's own code, with something as its `WebAssembly`. */
function library(WebAssembly: object): Library {
  const module = { exports: {} };
  const code = readFileSync(packaged("hash-wasm@4.13.0", "dist", "index.umd.js"), "utf8");
  new Function("module", "exports", "WebAssembly", code)(module, module.exports, WebAssembly);
  return module.exports;
}
const onV8 = library(global.WebAssembly);
const modules = Object.keys(cases);

const throughTheLibrary = (["default", "sandbox", "metered"] as ProfileName[]).flatMap((profile) => {
  const ours = library(standIn("hash", modules, profile));
  const digests = Object.entries(cases).map(
    ([name, { ask, expected }]): Test => ({
      title: `${name} gives what ${expected ? "Node and V8 give" : "V8 gives"}, profile ${profile}`,
      async run() {
        const got = await ask(ours);
        if (expected) assert.equal(got, expected());
        assert.equal(got, await ask(onV8));
      },
    }),
  );
  const states: Test = {
    title: `a state that is saved halfway goes on in another instance, and in V8, profile ${profile}`,
    async run() {
      for (const create of Object.keys(ours).filter((name) => /^create(?!HMAC)/.test(name))) {
        const [first, second, v8] = await Promise.all([ours[create]!(), ours[create]!(), onV8[create]!()]);
        const state = first.init().update(text.slice(0, 20_001)).save();
        const ends = [first, second.init().load(state), v8.init().load(state)].map((hasher) => hasher.update(text.slice(20_001)).digest());
        assert.deepEqual(ends, [ends[2], ends[2], ends[2]], create);
      }
    },
  };
  return [...digests, states];
});

/** By module: Node's name of it, the bits to begin with, and what ends it. */
const plain: Record<string, { algorithm: string; bits?: number; padding?: number }> = {
  md5: { algorithm: "md5" },
  sha1: { algorithm: "sha1" },
  sha256: { algorithm: "sha256", bits: 256 },
  sha512: { algorithm: "sha512", bits: 512 },
  sha3: { algorithm: "sha3-256", bits: 256, padding: 6 },
  blake2b: { algorithm: "blake2b512", bits: 512 },
  ripemd160: { algorithm: "ripemd160" },
};
const byHand = Object.entries(plain).map(
  ([name, { algorithm, bits = 0, padding = 0 }]): Test => ({
    title: `${name} is written to and read from in pieces`,
    run() {
      const { exports } = start(load("hash", name));
      const { memory, Hash_GetBuffer, Hash_Init, Hash_Update, Hash_Final } = exports;
      const [bytes, at] = [Buffer.from(text), Hash_GetBuffer()];
      Hash_Init(bits);
      for (let from = 0; from < bytes.length; from += 16_384) {
        const piece = bytes.subarray(from, from + 16_384);
        memory.write(at, piece);
        Hash_Update(piece.length);
      }
      Hash_Final(padding);
      const expected = node(algorithm);
      assert.equal(Buffer.from(memory.read(at, expected.length / 2)).toString("hex"), expected);
    },
  }),
);

export default [...throughTheLibrary, ...byHand];
