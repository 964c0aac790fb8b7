// A server for serve.ts, in a process of its own: prints where it listens, and says what it has had of the processor when it is asked.
// node dist/benchmark/serve-once.js guest|none FILE.cwasm

import type { AddressInfo } from "node:net";
import { server } from "../examples/serve/http.js";

const [way] = process.argv.splice(2, 1);
if (way === "guest") await import("../examples/serve/serve.js");
else {
  const listening = server((_, body) => body);
  listening.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`));
}
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send!(user + system);
});
process.on("disconnect", () => process.exit());
