// Guests trap by signals, which a program may want to hear of too: `process.on('SIGSEGV', …)`. A listener takes the signal from
// Wasmtime until native code takes it back (crates/node-api/src/signals.rs); the last one to go would leave it to nobody, for
// the moment that this takes. So once somebody has listened, we do so too, and do what the signal does by default when nobody
// else is left.

import { constants } from "node:os";

interface Native {
  mendSignals?(): void;
  endBySignal?(signal: number): void;
}
const names = ["SIGSEGV", "SIGILL", "SIGFPE", "SIGBUS"] as const;
type Name = (typeof names)[number];
/** What every copy of this package in the process does then, those first that were loaded first. */
const shared = Symbol.for("@cwasm/wasmtime: mend signals");
type Menders = (() => void)[];

export function shareSignals({ mendSignals, endBySignal }: Native): void {
  if (!mendSignals || !endBySignal) return;
  const known = (process as { [shared]?: Menders })[shared];
  if (known) known.push(mendSignals);
  else listen(((process as { [shared]?: Menders })[shared] = [mendSignals]), endBySignal);
}

function listen(menders: Menders, endBySignal: (signal: number) => void): void {
  // A listener that hears a signal once has gone when the next one hears it.
  const heard = new Set<string>();
  const last = (signal: NodeJS.Signals) => {
    if (process.listenerCount(signal) === 1 && !heard.has(signal)) endBySignal(constants.signals[signal]);
  };
  const changed = (event: string | symbol, listener?: Function) => {
    if (!names.includes(event as Name)) return;
    const name = event as Name;
    if (listener !== last && !process.listeners(name).includes(last)) process.on(name, last);
    for (const mend of menders) mend();
  };
  // Node's own listeners of these events, which give the signal to libuv and take it back, come first.
  process.on("newListener", changed).on("removeListener", (event, listener) => {
    if (!names.includes(event as Name)) return;
    heard.add(event as Name);
    process.nextTick(() => heard.delete(event as Name));
    changed(event, listener);
  });
  for (const name of names) if (process.listenerCount(name) > 0) changed(name);
}
