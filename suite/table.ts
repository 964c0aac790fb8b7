// What the suite prints: every failure that is not known, then a line for each proposal.

import type { Failure } from "./script.js";
import type { Result, Variant } from "./suite.js";

export function print(results: Result[], variants: Variant[]): void {
  for (const result of results) if (result.failures.length > 0) printFailures(result);

  const proposals = [...new Set(results.map(({ proposal }) => proposal))];
  const titles = ["passed", "", "n/a", "known"];
  const rows = [
    ["", ...variants.flatMap((variant) => [variant, "", "", ""])],
    ["", ...variants.flatMap(() => titles)],
    ...proposals.map((proposal) => row(proposal, (result) => result.proposal === proposal)),
    row("all", () => true),
  ];
  function row(title: string, mine: (result: Result) => boolean): string[] {
    return [title, ...variants.flatMap((variant) => cells(results.filter((result) => result.variant === variant && mine(result))))];
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const line = (cells: string[]) => cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]! + 2))).join("");
  console.log(`\n${rows.map(line).join("\n")}\n`);
  console.log("n/a: needs a compiler, or text that is not UTF-8, or no longer holds. known: fails.");
  console.log("suite/known-failures.json has the reasons for the last two.");
  for (const variant of variants) {
    const nans = results.filter((result) => result.variant === variant).map((result) => result.nans);
    const [asked, kept] = [sum(nans, "asked"), sum(nans, "kept")];
    if (asked > 0) console.log(`Any NaN passes where one of exact bits is asked for: ${kept} of ${asked} had them on ${variant}.`);
  }
}

function cells(results: Result[]): string[] {
  const known = results.flatMap((result) => result.known).length;
  const applicable = sum(results, "passed") + known + results.flatMap(({ failures }) => failures).length;
  const notApplicable = results.flatMap((result) => [...result.notApplicable, ...result.withdrawn]).length;
  const percent = applicable === 0 ? "" : `${Math.floor((sum(results, "passed") / applicable) * 1000) / 10} %`;
  return [`${sum(results, "passed")}/${applicable}`, percent, `${notApplicable}`, `${known}`];
}

function sum<K extends string>(list: { [name in K]: number }[], name: K): number {
  return list.reduce((total, one) => total + one[name], 0);
}

/** Failures that only follow from another are a number at the end of it. */
function printFailures({ variant, file, failures }: Result): void {
  const following = new Map<number, number>();
  for (const { cause } of failures) if (cause !== undefined) following.set(cause, (following.get(cause) ?? 0) + 1);
  for (const failure of failures) if (failure.cause === undefined) console.log(text(failure));

  function text({ line, command, expected, got }: Failure): string {
    const more = following.get(line);
    return [
      `✘ ${variant} ${file}.wast:${line} ${command}`,
      `    expected  ${expected}`,
      `    got       ${got}`,
      ...(more ? [`    and ${more} more commands that need it`] : []),
    ].join("\n");
  }
}
