// examples/serve, which runs a guest per request, beside the same server without one, which sends the body back: requests per second
// over loopback, each server in a process of its own, in turn. On min, or what CWASM_VARIANT says. Figures are medians of the rounds;
// where something else has the other core, only processor time tells.
// Options: --rounds=N, --requests=N (of each round), --connections=N.

import { type ChildProcess, type ForkOptions, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Engine, version } from "@cwasm/wasmtime";
import { figure, markdown, median, root, us } from "./measure.js";

const number = (by: string) => ({ type: "string" as const, default: by });
const { values } = parseArgs({ options: { rounds: number("9"), requests: number("10000"), connections: number("32") } });
const [rounds, requests, connections] = [values.rounds, values.requests, values.connections].map(Number) as [number, number, number];
if (!(rounds > 0 && requests > 0 && connections > 0)) throw new Error("--rounds, --requests and --connections are numbers");

const text = `<p class="note">${"Fish & chips, ".repeat(16)}</p>`;
const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const folder = mkdtempSync(join(tmpdir(), "cwasm-serve-"));
const artifact = join(folder, "escape.cwasm");
writeFileSync(artifact, new Engine({ profile: "sandbox" }).precompileSync(readFileSync(join(root, "examples/serve/escape.wat"), "utf8")));
const variant = process.env["CWASM_VARIANT"] ?? "min";
const options: ForkOptions = { stdio: ["ignore", "pipe", "inherit", "ipc"], env: { ...process.env, CWASM_VARIANT: variant } };

interface Load {
  perSecond: number;
  /** Nanoseconds of the server's processor time per request. */
  processor: number;
}
const ways: Record<string, { server: ChildProcess; port: number; answer: string; loads: Load[] }> = {};
for (const [name, way, answer] of [["no guest", "none", text], ["a guest per request", "guest", escaped]] as const) {
  const server = fork(join(root, "dist/benchmark/serve-once.js"), [way, artifact], options);
  const [line] = await once(server.stdout!, "data");
  ways[name] = { server, port: Number(new URL(String(line)).port), answer, loads: [] };
}
// The first round is for V8 to compile what runs.
for (let round = 0; round <= rounds; round++) {
  for (const way of Object.values(ways)) way.loads.push(await load(way));
}
for (const { server, loads } of Object.values(ways)) {
  server.disconnect();
  await once(server, "exit");
  loads.shift();
}
rmSync(folder, { recursive: true });

const [bare, guest] = Object.values(ways).map(({ loads }) => loads) as [Load[], Load[]];
const percent = (of: (load: Load, bare: Load) => number, all: Load[]) =>
  `${figure(100 * median(all.map((load, round) => of(load, bare[round]!))))} %`;
const { node } = process.versions;
const what = `${rounds} rounds of ${requests} requests on ${connections} connections, a body of ${text.length} bytes`;
console.log(`Node ${node}, cwasm ${version}, ${variant}, ${process.platform} ${process.arch}, ${what}`);
markdown(
  "A server with a guest per request",
  ["", "requests a second", "of those without a guest", "processor time of one µs", "without a guest / this"],
  Object.entries(ways).map(([name, { loads }]) => [
    name,
    figure(median(loads.map(({ perSecond }) => perSecond))),
    percent(({ perSecond }, bare) => perSecond / bare.perSecond, loads),
    us(median(loads.map(({ processor }) => processor))),
    percent(({ processor }, bare) => bare.processor / processor, loads),
  ]),
);
console.log(`\nA guest adds ${us(median(guest.map(({ processor }, round) => processor - bare[round]!.processor)))} µs`);

async function load({ server, port, answer }: (typeof ways)[string]): Promise<Load> {
  const processor = await processorTime(server);
  const start = process.hrtime.bigint();
  const each = Math.ceil(requests / connections);
  await Promise.all(Array.from({ length: connections }, () => connection(port, answer, each)));
  const ns = Number(process.hrtime.bigint() - start);
  const count = each * connections;
  return { perSecond: (1e9 * count) / ns, processor: (1000 * ((await processorTime(server)) - processor)) / count };
}
async function processorTime(server: ChildProcess): Promise<number> {
  server.send("");
  return (await once(server, "message"))[0];
}

/** So many requests, one after the other. Written by hand, as Node's own client would take more time than the server. */
function connection(port: number, answer: string, requests: number): Promise<void> {
  const request = Buffer.from(`POST /escape HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  return new Promise((done, fail) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    let got = "";
    let left = requests;
    socket.on("error", fail);
    socket.on("close", () => (left > 0 ? fail(new Error(`the server has closed the connection after ${got}`)) : done()));
    socket.on("data", (bytes) => {
      got += bytes.toString("latin1");
      const head = got.indexOf("\r\n\r\n");
      if (head < 0 || got.length < head + 4 + answer.length) return;
      if (!got.startsWith("HTTP/1.1 200 ") || got.slice(head + 4) !== answer) return void socket.destroy(new Error(`not the answer:\n${got}`));
      got = "";
      if (--left > 0) socket.write(request);
      else socket.end();
    });
  });
}
