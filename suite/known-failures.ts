// Tells what is known to fail from what is not. The list is known-failures.json.

import { readFileSync } from "node:fs";
import type { Failure, Outcome } from "./script.js";
import type { Variant } from "./suite.js";
import type { Entry } from "./wast.js";

/** Commands that fail, and with them those that need the modules they make. */
interface Known {
  file: string;
  /** The lines of the commands. All of the file, if not given. */
  lines?: number[];
  /** The build on which they fail. Both, if not given. */
  variant?: Variant;
  /** Why. */
  reason?: string;
  /** Instead: what has made an assertion untrue since a proposal wrote it down. */
  withdrawn?: string;
}

const list = new URL("../../suite/known-failures.json", import.meta.url);

/** The failures of a file in three heaps. */
export interface Sorted {
  failures: Failure[];
  known: Failure[];
  withdrawn: Failure[];
}

export class KnownFailures {
  private readonly all: Known[] = JSON.parse(readFileSync(list, "utf8"));

  constructor(files: Entry[]) {
    for (const { file } of this.all)
      if (!files.some((entry) => entry.file === file)) throw new Error(`${list.pathname}: the suite has no ${file}`);
  }

  /** What is listed and did not fail is a failure too. */
  sort(file: string, variant: Variant, { failures, notApplicable }: Outcome): Sorted {
    const sorted: Sorted = { failures: [], known: [], withdrawn: [] };
    const listed = this.all.filter((known) => known.file === file && (known.variant ?? variant) === variant);
    const failed = new Set<number>();
    for (const failure of failures) {
      const line = failure.cause ?? failure.line;
      const known = listed.find(({ lines }) => !lines || lines.includes(line));
      sorted[known ? (known.withdrawn ? "withdrawn" : "known") : "failures"].push(failure);
      failed.add(line);
    }
    for (const { lines } of listed) {
      if (!lines && failures.length === 0) sorted.failures.push(unexpected(0));
      for (const line of lines ?? [])
        if (!failed.has(line) && !notApplicable.includes(line)) sorted.failures.push(unexpected(line));
    }
    return sorted;
  }
}

const unexpected = (line: number): Failure => ({
  line,
  command: line ? "" : "the whole file",
  expected: "the failure that suite/known-failures.json lists",
  got: "none",
});
