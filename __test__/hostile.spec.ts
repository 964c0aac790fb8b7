// Every guest that means harm, under every limit that holds it, started in every way: it ends as it should, and the host goes on.
// docs/limits.md is made of the same table.

import test from "ava";
import { attacks, entries, expected, strike } from "./hostile.js";

for (const attack of attacks) {
  for (const limit of attack.limits) {
    for (const entry of attack.entries ?? entries) {
      test.serial(`a guest that ${attack.name}, as ${entry}, is held by ${limit.name}`, async (t) => {
        const { end, after } = await strike(attack, limit, entry);
        const ends = expected(limit, entry).split(" or ");
        t.true(ends.some((each) => end.startsWith(each)), `${end}, not ${ends.join(" or ")}`);
        t.true(after);
      });
    }
  }
}
