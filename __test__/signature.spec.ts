// Signed artifacts: who may make them, and that nothing else is loaded.

import test from "ava";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { Instance, Module, SignatureError, Store, features, inspect, run, runSync, sign, verify, wasmtimeVersion } from "../index.js";
import { artifactBytes, engineOf, folder, needing, root, thrown, typeError } from "./helper.js";

const wat = `(module (memory (export "memory") 1) (func (export "_start")) (func (export "f") (result i32) (i32.const 5)))`;
const bytes = artifactBytes(wat);
const engine = engineOf();
const pair = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = { type: "spki", format: "pem" } as const;
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }) as string, pub: publicKey.export(pem) as string, privateKey, publicKey };
};
const [ours, theirs] = [pair(), pair()];
const signature = sign(bytes, ours.key);
const five = (module: Module) => (new Instance(new Store(engine), module).exports as any).f() === 5;

function isRefused(t: { is: Function; true: Function }, use: () => unknown, reason: string) {
  const error = thrown(use) as SignatureError;
  t.true(error instanceof SignatureError, String(error));
  t.is(error.code, "ERR_WASMTIME_SIGNATURE");
  t.is(error.reason, reason as SignatureError["reason"]);
}

test("what was signed loads with the key that has signed it, from bytes and from a file", (t) => {
  t.true(five(Module.deserialize(engine, bytes, { verify: ours.pub, signature })));
  t.true(five(Module.deserialize(engine, bytes, { verify: [theirs.pub, ours.pub], signature: Buffer.from(signature) })));
  const file = join(folder(t), "signed.cwasm");
  writeFileSync(file, bytes);
  t.true(five(Module.deserializeFile(engine, file, { verify: ours.pub, signature })));
  isRefused(t, () => Module.deserializeFile(engine, file, { verify: ours.pub }), "missing");
  writeFileSync(`${file}.sig`, signature);
  t.true(five(Module.deserializeFile(engine, file, { verify: [ours.pub] })));
  isRefused(t, () => Module.deserializeFile(engine, file, { verify: theirs.pub }), "unknownKey");
  t.throws(() => Module.deserializeFile(engine, join(folder(t), "none"), { verify: ours.pub }), { code: "ENOENT" });
});

test("a key that was not found is no reason to trust", (t) => {
  t.throws(() => Module.deserialize(engine, bytes, { verify: undefined }), typeError);
});

test("verify says whether the owner of a key has signed these bytes", (t) => {
  t.true(verify(bytes, signature, ours.pub));
  t.true(verify(bytes, Buffer.from(signature), Buffer.from(ours.pub)));
  t.true(verify(bytes, signature, ours.publicKey));
  t.true(verify(bytes, sign(bytes, ours.privateKey), ours.pub));
  t.false(verify(bytes, signature, theirs.pub));
  t.false(verify(bytes.subarray(1), signature, ours.pub));
  t.false(verify(artifactBytes("(module)"), signature, ours.pub));
});

test("what was signed says what it is", (t) => {
  const statement = JSON.parse(JSON.parse(sign(bytes, ours.key)).statement);
  t.regex(statement.stamp, /^48\.0\.\d+\+default$/);
  t.deepEqual([statement.kind, statement.wasmtime, statement.profile, statement.target], ["artifact", wasmtimeVersion, "default", engine.target]);
  t.is(statement.wasmSha256, inspect(bytes).wasm!.sha256);
  t.regex(statement.sha256 + statement.wasmSha256 + statement.key, /^[0-9a-f]{192}$/);
  t.true(Math.abs(Date.parse(statement.time) - Date.now()) < 60_000);
});

test("each of 10,000 changed bytes, anywhere in the artifact, is noticed", (t) => {
  const changed = Buffer.from(bytes);
  for (let i = 0; i < 10_000; i++) {
    const at = Math.floor((i * bytes.length) / 10_000);
    const byte = changed[at]!;
    changed[at] = byte ^ (1 << (i % 8));
    if (verify(changed, signature, ours.pub)) t.fail(`at ${at}`);
    if (i % 500 === 0) isRefused(t, () => Module.deserialize(engine, changed, { verify: ours.pub, signature }), "mismatch");
    changed[at] = byte;
  }
  t.true(verify(changed, signature, ours.pub));
});

test("no change of a signature makes another one that is valid, and garbage is refused as such", (t) => {
  const { statement, signature: made } = JSON.parse(signature);
  const said = JSON.parse(statement);
  const others: [reason: string, signature: string][] = [
    ["malformed", ""],
    ["malformed", "null"],
    ["malformed", "{}"],
    ["malformed", JSON.stringify({ statement: 5, signature: made })],
    ["malformed", JSON.stringify({ statement: "5", signature: made })],
    ["malformed", signature.slice(1)],
    ["forged", JSON.stringify({ statement, signature: "" })],
    ["forged", JSON.stringify({ statement, signature: Buffer.alloc(64).toString("base64") })],
    ["forged", JSON.stringify({ statement: JSON.stringify({ ...said, time: "2000-01-01T00:00:00.000Z" }), signature: made })],
    ["forged", JSON.stringify({ statement: `${statement} `, signature: made })],
    ["unknownKey", JSON.stringify({ statement: JSON.stringify({ ...said, key: "00" }), signature: made })],
    ["mismatch", sign(artifactBytes("(module)"), ours.key)],
  ];
  for (const [reason, signature] of others) {
    isRefused(t, () => Module.deserialize(engine, bytes, { verify: ours.pub, signature }), reason);
    t.false(verify(bytes, signature, ours.pub));
  }
});

test("bytes that another thread changes meanwhile are those that were checked", (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const options = { verify: ours.pub, get signature() {
    shared.fill(0);
    return signature;
  } };
  isRefused(t, () => Module.deserialize(engine, shared, options), "mismatch");
});

needing("wasi")("run and runSync run what was signed, and nothing else", async (t) => {
  const stdin = "ignore" as const;
  t.is((await run(bytes, { verify: ours.pub, signature, stdin })).exitCode, 0);
  t.is(runSync(bytes, { verify: ours.pub, signature, precompiled: true, stdin }).exitCode, 0);
  isRefused(t, () => runSync(bytes, { verify: theirs.pub, signature, stdin }), "unknownKey");
  await t.throwsAsync(run(bytes, { verify: ours.pub, stdin }), { instanceOf: SignatureError });
  const file = join(folder(t), "command.cwasm");
  writeFileSync(file, bytes);
  isRefused(t, () => runSync(file, { verify: ours.pub, stdin }), "missing");
  writeFileSync(`${file}.sig`, signature);
  t.is(runSync(file, { verify: [theirs.pub, ours.pub], stdin }).exitCode, 0);
  const module = Module.deserialize(engine, bytes);
  t.throws(() => runSync(module, { verify: ours.pub, stdin }), typeError);
  t.throws(() => runSync(bytes, { signature, precompiled: true, stdin }), { ...typeError, message: /verify/ });
  t.throws(() => runSync(bytes, { verify: ours.pub, signature, profile: "default", stdin }), typeError);
});

test("keys that are none, of another kind, or that can't sign are a TypeError", (t) => {
  const rsa = generateKeyPairSync("ed448").privateKey;
  for (const wrong of [null, 5, {}, "", "no key", rsa, ours.pub] as any[]) t.throws(() => sign(bytes, wrong), typeError, String(wrong));
  for (const wrong of [null, 5, {}, "", "no key", rsa, [], [ours.pub, 5]] as any[]) {
    t.throws(() => Module.deserialize(engine, bytes, { verify: wrong, signature }), typeError, String(wrong));
    if (!Array.isArray(wrong)) t.throws(() => verify(bytes, signature, wrong), typeError);
  }
  for (const wrong of [5, null, {}] as any[]) {
    t.throws(() => verify(bytes, wrong, ours.pub), typeError);
    t.throws(() => verify(wrong, signature, ours.pub), typeError);
    t.throws(() => Module.deserialize(engine, bytes, wrong === null ? wrong : { verify: ours.pub, signature: wrong }), typeError);
  }
  t.throws(() => Module.deserialize(engine, bytes, { signature }), { ...typeError, message: /verify/ });
  t.throws(() => Module.deserialize(engine, bytes, { keys: ours.pub } as any), { ...typeError, message: /'keys'.*verify/ });
  t.throws(() => sign(Buffer.from("no artifact"), ours.key), { code: "ERR_WASMTIME_INCOMPATIBLE_MODULE" });
});

needing("wasi")("the command makes keys, signs, verifies and runs", (t) => {
  const cwd = folder(t);
  const cli = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "dist", "cli", "cwasm.js"), ...args], { cwd, encoding: "utf8" });
    return { status, stdout, stderr };
  };
  for (const name of ["ours", "theirs"]) t.like(cli("keygen", name), { status: 0, stderr: "" });
  if (process.platform !== "win32") t.is(statSync(join(cwd, "ours.key")).mode & 0o777, 0o600);
  const before = readFileSync(join(cwd, "ours.key"), "utf8");
  t.like(cli("keygen", "ours"), { status: 2 });
  t.is(readFileSync(join(cwd, "ours.key"), "utf8"), before);
  writeFileSync(join(cwd, "a.cwasm"), bytes);
  t.like(cli("run", "--verify", "ours.pub", "a.cwasm"), { status: 1 });
  t.like(cli("sign", "--key", "ours.key", "a.cwasm"), { status: 0, stderr: "" });
  t.regex(cli("verify", "--key", "theirs.pub", "--key", "ours.pub", "a.cwasm").stdout, /^a\.cwasm: signed \d{4}-.*48\.0\.\d+\+default/);
  t.like(cli("run", "--verify", "ours.pub", "a.cwasm"), { status: 0, stderr: "" });
  for (const command of [["verify", "--key"], ["run", "--verify"]]) {
    const { status, stderr } = cli(...command, "theirs.pub", "a.cwasm");
    t.is(status, 1);
    t.regex(stderr, /^cwasm: SignatureError: this artifact was signed with another key/);
  }
  writeFileSync(join(cwd, "a.cwasm"), artifactBytes("(module)"));
  t.regex(cli("verify", "--key", "ours.pub", "a.cwasm").stderr, /SignatureError: this signature is of another artifact/);
  t.is(cli("sign", "a.cwasm").status, 2);
  t.is(cli("sign", "--key", "none.key", "a.cwasm").status, 1);
  if (!features.has("cranelift")) return;
  writeFileSync(join(cwd, "b.wat"), wat);
  mkdirSync(join(cwd, "out"));
  t.like(cli("compile", "--sign", "ours.key", "-o", "out/b.cwasm", "b.wat"), { status: 0, stderr: "" });
  t.like(cli("run", "--verify", "ours.pub", "out/b.cwasm"), { status: 0, stderr: "" });
  t.is(cli("compile", "--sign", "ours.pub", "-o", "out/c.cwasm", "b.wat").status, 1);
  t.false(existsSync(join(cwd, "out", "c.cwasm")), "nothing is left of what could not be signed");
});
