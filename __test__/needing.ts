// Tests of what a build may lack. They run on every build: on one without the feature the same test has to end at the error that
// says so.

import test, { type ExecutionContext, type TestFn } from "ava";
import { type Feature, FeatureUnavailableError, IncompatibleModuleError, features, variant } from "../index.js";

/** `test` for what needs all of these features. Where one is missing, the test must fail, by the typed error that names it: a test that
 * passes there needs less than it says. */
export function needing(...wanted: Feature[]): TestFn {
  const missing = wanted.filter((feature) => !features.has(feature));
  if (missing.length === 0) return test;
  for (const feature of missing) missed.add(feature);
  const ends = (body: Body, ...args: unknown[]) => async (t: ExecutionContext) => {
    const attempt = await t.try((t: ExecutionContext) => body(t, ...args) as Promise<void>);
    attempt.discard();
    const reasons = attempt.errors as Reason[];
    t.false(attempt.passed, `this passes in a build without ${missing.join(", ")}`);
    t.true(reasons.some((reason) => missing.some((feature) => saysSo(reason, feature))), `not for the lack of ${missing.join(", ")}:\n${reasons.map(textOf).join("\n")}`);
  };
  const declare = (title: string, body: Body, ...args: unknown[]) => test(title, ends(body, ...args));
  const serial = (title: string, body: Body, ...args: unknown[]) => test.serial(title, ends(body, ...args));
  return Object.assign(declare, { ...test, serial: Object.assign(serial, test.serial) }) as unknown as TestFn;
}

/** What tests of this process are about, and the build lacks. */
const missed = new Set<Feature>();
/** What another process has printed, as an error. */
export class Printed extends Error {}
/** Ends a test that is about what the build lacks, where another process has printed that. */
export function heard(text: string): void {
  if ([...missed].some((feature) => lacks(feature).test(text))) throw new Printed(text);
}

type Body = (t: ExecutionContext, ...args: unknown[]) => unknown;
/** What ava keeps of a failed attempt. */
type Reason = Error & { formattedDetails?: { label: string; formatted: string }[] };

/** A test ends with the error itself, or with an assertion on it, or on what another process has printed, which may be the code alone. */
function saysSo(reason: Reason, feature: Feature): boolean {
  const { cause } = reason;
  if (cause instanceof Error && !(cause instanceof Printed)) return isLacking(cause, feature);
  const text = textOf(reason);
  return lacks(feature).test(text) || text.includes("ERR_WASMTIME_FEATURE_UNAVAILABLE");
}

const lacks = (feature: Feature) => new RegExp(`'${feature}'.*which this build \\(${variant}\\) lacks`);
const textOf = ({ message, cause, formattedDetails = [] }: Reason) =>
  [message, ...(cause === undefined ? [] : [String(cause)]), ...formattedDetails.map(({ label, formatted }) => `${label} ${formatted}`)].join("\n").replaceAll("\\'", "'");

/** Whether an error is one for a build without something. */
export const isAnyLacking = (error: unknown) => error instanceof FeatureUnavailableError || (error instanceof IncompatibleModuleError && error.reason === "feature");

/** Whether an error is the one for a build without this feature: of something that needs it, or of an artifact for builds with it. */
export function isLacking(error: unknown, feature: Feature): boolean {
  if (error instanceof FeatureUnavailableError) return error.feature === feature && error.variant === variant;
  return error instanceof IncompatibleModuleError && error.reason === "feature" && lacks(feature).test(error.message);
}
