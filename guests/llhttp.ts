// llhttp, written in C: driven by hand, and by undici, whose parser it is.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { ProfileName } from "../index.js";
import { type Test, global, load, packaged, standIn, start } from "./guest.js";

const [request, response] = [1, 2];
const modules = ["llhttp", "llhttp_simd"];
const lines = (...text: string[]) => Buffer.from(text.join("\r\n"));

const hello = lines("HTTP/1.1 200 OK", "Content-Length: 5", "", "hello");
const chunked = lines("HTTP/1.1 404 Not Found", "Transfer-Encoding: chunked", "X-Name: value", "", "5", "hello", "6", " world", "0", "", "");
const post = lines("POST /path?query HTTP/1.1", "Host: example.org", "Content-Length: 3", "", "abc");

/** What the callbacks are told, as one text for each thing: pieces of a thing are put together. */
class Parser {
  readonly seen: Record<string, string[]> = {};
  readonly exports;
  private readonly parser: number;
  private last = "";

  constructor(module: string, type: number, { profile = "default", onBody = () => 0 }: { profile?: ProfileName; onBody?: () => number } = {}) {
    const span = (name: string) => (parser: number, at: number, length: number) => {
      assert.equal(parser, this.parser);
      this.note(name, Buffer.from(this.exports.memory.read(at, length)).toString());
      return name === "body" ? onBody() : 0;
    };
    const plain = (name: string) => (parser: number, ...args: number[]) => {
      assert.equal(parser, this.parser);
      this.note(name, args.join());
      return 0;
    };
    const { exports } = start(load("llhttp", module, profile), {
      env: {
        wasm_on_url: span("url"),
        wasm_on_status: span("status"),
        wasm_on_message_begin: plain("begin"),
        wasm_on_header_field: span("field"),
        wasm_on_header_value: span("value"),
        wasm_on_headers_complete: plain("headers"),
        wasm_on_body: span("body"),
        wasm_on_message_complete: plain("complete"),
      },
    });
    this.exports = exports;
    this.parser = exports.llhttp_alloc(type);
  }
  private note(name: string, text: string) {
    const texts = (this.seen[name] ??= []);
    if (name === this.last) texts[texts.length - 1] += text;
    else texts.push(text);
    this.last = name;
  }

  /** The number of the error, 0 if there is none. */
  execute(bytes: Uint8Array, size = bytes.length): number {
    const { memory, malloc, free, llhttp_execute } = this.exports;
    for (let from = 0; from < bytes.length; from += size) {
      const piece = bytes.subarray(from, from + size);
      const at = malloc(piece.length);
      memory.write(at, piece);
      const error = llhttp_execute(this.parser, at, piece.length);
      free(at);
      if (error !== 0) return error;
    }
    return 0;
  }
}

/** Without where a chunk of the body ends. */
const joined = ({ seen }: Parser) => ({ ...seen, body: seen["body"]!.join("") });

const byHand = modules.flatMap((module): Test[] => [
  ...(["default", "sandbox", "metered"] as ProfileName[]).map((profile) => ({
    title: `${module} takes a response apart, profile ${profile}`,
    run() {
      const parser = new Parser(module, response!, { profile });
      assert.equal(parser.execute(hello), 0);
      const header = { field: ["Content-Length"], value: ["5"], headers: ["200,0,1"] };
      assert.deepEqual(parser.seen, { begin: [""], status: ["OK"], ...header, body: ["hello"], complete: [""] });
    },
  })),
  {
    title: `${module} sees the same in pieces of any size`,
    run() {
      for (const [type, message] of [[response, hello], [response, chunked], [request, post]] as const) {
        const whole = new Parser(module, type!);
        assert.equal(whole.execute(message), 0);
        assert.deepEqual(whole.seen["complete"], [""]);
        for (let size = 1; size < message.length; size++) {
          const parser = new Parser(module, type!);
          assert.equal(parser.execute(message, size), 0);
          assert.deepEqual(joined(parser), joined(whole), `${size} bytes`);
        }
      }
    },
  },
  {
    title: `${module} takes many messages on one connection`,
    run() {
      const parser = new Parser(module, request!);
      assert.equal(parser.execute(Buffer.concat(Array(1000).fill(post))), 0);
      assert.deepEqual(parser.seen["url"], Array(1000).fill("/path?query"));
      assert.deepEqual(parser.seen["body"], Array(1000).fill("abc"));
    },
  },
  {
    title: `${module} says what is no HTTP`,
    run() {
      assert.equal(new Parser(module, response!).execute(Buffer.from("SMTP/1.1 200 OK\r\n\r\n")), 8);
      assert.equal(new Parser(module, response!).execute(lines("HTTP/1.1 200 OK", "Content-Length: x", "", "")), 11);
    },
  },
  {
    title: `${module} passes on what a callback throws, and the error number that one returns`,
    run() {
      const mine = new Error("mine");
      const throwing = new Parser(module, response!, { onBody: () => { throw mine; } });
      assert.throws(() => throwing.execute(hello), (error) => error === mine);
      assert.equal(new Parser(module, response!, { onBody: () => 21 }).execute(hello), 21);
    },
  },
]);

/** Requests of undici, whose parser runs in cwasm, to a server of Node's. */
const inUndici = modules.map(
  (module): Test => ({
    title: `${module} parses what undici fetches`,
    async run() {
      let instances = 0;
      const { WebAssembly } = global;
      process.env["UNDICI_NO_WASM_SIMD"] = module === "llhttp" ? "1" : "0";
      global.WebAssembly = standIn("llhttp", modules, "default", () => void instances++);
      const { server, origin } = await serve();
      try {
        const { Agent, request } = freshUndici();
        const dispatcher = new Agent({ connections: 3 });
        const ask = async (number: number) => {
          const body = `${number} `.repeat(number * 97);
          const answer = await request(`${origin}/${number}`, { method: "POST", body, dispatcher });
          assert.deepEqual([answer.statusCode, answer.headers["x-path"], await answer.body.text()], [200 + (number % 3), `/${number}`, body]);
        };
        await Promise.all(Array.from({ length: 200 }, (_, number) => ask(number + 1)));
        await dispatcher.close();
        assert.equal(instances, 1);
      } finally {
        global.WebAssembly = WebAssembly;
        server.close();
      }
    },
  }),
);

/** It keeps the parser that it has made. */
function freshUndici() {
  const require = createRequire(import.meta.url);
  const file = require.resolve(packaged("undici@7.30.2", "index.js"));
  for (const path of Object.keys(require.cache)) if (path.startsWith(packaged("undici@7.30.2"))) delete require.cache[path];
  return require(file);
}

/** Answers with what it is sent, in chunks. */
async function serve() {
  const server = createServer((question, answer) => {
    const number = Number(question.url!.slice(1));
    answer.writeHead(200 + (number % 3), { "x-path": question.url! });
    question.pipe(answer);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

export default [...byHand, ...inUndici];
