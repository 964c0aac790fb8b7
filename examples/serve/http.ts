// The server without its guests: collects the body, which may be only so long, and answers with what `answer` gives or throws.

import { type Server, createServer } from "node:http";

/** What a request ends with instead of an answer. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
  ) {
    super(`${status} ${reason}`);
  }
}
export type Answer = (name: string, body: Buffer) => Uint8Array;

const maxBody = 1 << 20;

export function server(answer: Answer): Server {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const pieces: Buffer[] = [];
    let size = 0;
    request.on("data", (piece: Buffer) => {
      size += piece.length;
      if (size <= maxBody) pieces.push(piece);
      else pieces.length = 0;
      // Who sends a little too much is told so in the end, who sends on and on is not waited for.
      if (size > 16 * maxBody) request.destroy();
    });
    // Not emitted where the client goes away before: then no guest runs.
    request.on("end", () => {
      let status = 200;
      let bytes: Uint8Array;
      try {
        if (request.method !== "POST") throw new Failure(405, "POST it");
        if (size > maxBody) throw new Failure(413, `at most ${maxBody} bytes`);
        bytes = answer(request.url!.slice(1), pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
      } catch (error) {
        const { status: failed, reason } = error instanceof Failure ? error : new Failure(500, "a mistake of the server's");
        if (!(error instanceof Failure)) console.error(error);
        status = failed;
        bytes = Buffer.from(`${reason}\n`);
      }
      response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "content-length": bytes.length });
      response.end(bytes);
    });
  });
  // So many bodies at once, and no more.
  server.maxConnections = 500;
  return server;
}
