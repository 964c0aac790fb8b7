// Every guest that means harm, under every limit that holds it, started in every way: it ends as it should, and the host goes on.
// docs/limits.md is made of the same table.

import { attacks, entries, expected, needsWasi, strike } from "./hostile.js";
import { needing } from "./needing.js";

for (const attack of attacks) {
  for (const limit of attack.limits) {
    for (const entry of attack.entries ?? entries) {
      needing(...(needsWasi(attack, entry) ? ["wasi" as const] : [])).serial(`a guest that ${attack.name}, as ${entry}, is held by ${limit.name}`, async (t) => {
        const { end, after } = await strike(attack, limit, entry);
        const ends = expected(limit, entry).split(" or ");
        t.true(ends.some((each) => end.startsWith(each)), `${end}, not ${ends.join(" or ")}`);
        t.true(after);
      });
    }
  }
}
