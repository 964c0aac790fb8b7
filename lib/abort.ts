// Promises and signals: what an `AbortSignal` does to work that goes on elsewhere.

import { wrongType } from "./errors.js";

/** Throws the signal's reason if it is aborted. */
export function notAborted(signal: unknown): void {
  if (!(signal instanceof AbortSignal)) throw wrongType("signal must be an AbortSignal");
  signal.throwIfAborted();
}

/** A promise that is rejected with the signal's reason when it is aborted: at once, or where `stop` says that something runs, when
 * that has ended. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal, stop = () => false): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const forget = onAbort(signal, () => void (stop() || reject(signal.reason)));
    promise.then(resolve, (error) => reject(signal.aborted ? signal.reason : error)).finally(forget);
  });
}

/** What waits for a signal. One listener for all, as Node warns of many, and one signal for many runs is no mistake. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();
/** Does something when a signal is aborted. What it returns has that forgotten. */
export function onAbort(signal: AbortSignal, action: () => void): () => void {
  let actions = waiting.get(signal);
  if (!actions) {
    waiting.set(signal, (actions = new Set()));
    signal.addEventListener("abort", fire, { once: true });
  }
  actions.add(action);
  return () => {
    if (!actions.delete(action) || actions.size > 0) return;
    waiting.delete(signal);
    signal.removeEventListener("abort", fire);
  };
}
function fire(this: AbortSignal): void {
  for (const action of waiting.get(this) ?? []) action();
}
