// SQLite for WASI's preview 0, written in C. It takes its input for a terminal, as preview 0 can't tell: `-batch` says that it is none.

import assert from "node:assert/strict";
import { DeadlineError, OutOfFuelError, type RunOptions, run } from "../index.js";
import { type Command, commands } from "./command.js";
import { type Test, artifactOf } from "./guest.js";

const rows = 5_000;
const value = (row: number) => (row * 7) % 1009;
const numbers = Array.from({ length: rows }, (_, i) => i + 1);
const inserts = numbers.map((row) => `insert into t(n, s) values (${value(row)}, 'row ${row}');\n`).join("");
const sum = numbers.reduce((sum, row) => sum + value(row), 0);

const list: Command[] = [
  {
    title: "sums up a table",
    env: { A: "1" },
    stdin: "create table t(a,b); insert into t values(1,'x'),(2,'y'); select sum(a),group_concat(b) from t; select sqlite_version();\n",
    stdout: /3\|x,y\n3\.26\.0\n/,
  },
  {
    title: `takes ${rows} inserts, an index and a rollback`,
    args: ["-batch"],
    stdin: `create table t(id integer primary key, n integer, s text);
begin;\n${inserts}commit;
create index i on t(n);
begin; delete from t; select count(*) from t; rollback;
select count(*), sum(n), min(id), max(id) from t;
select s from t where n = ${value(1234)} order by id limit 1;
pragma integrity_check;\n`,
    stdout: `0\n${rows}|${sum}|1|${rows}\nrow ${numbers.find((row) => value(row) === value(1234))}\nok\n`,
  },
  {
    title: "makes a database in a folder",
    args: ["-batch", "/db/new.sqlite"],
    dirs: { "/db": {} },
    stdin: "create table t(a);\ninsert into t values (42);\nselect * from t;\n",
    stdout: "42\n",
    after: { "/db/new.sqlite": /^SQLite format 3\0/ },
  },
  {
    title: "says what is wrong with a statement, goes on, and ends with 1",
    args: ["-batch"],
    stdin: "select nope;\nselect 2;\n",
    exitCode: 1,
    stdout: "2\n",
    stderr: "Error: near line 1: no such column: nope\n",
  },
];

/** Counts for ever. */
const endless = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c;\n";
const source = artifactOf("sqlite", "sqlite", "metered");
const limited: RunOptions = { precompiled: true, args: ["-batch"], stdin: endless, stdout: "capture" };

const limits: Test[] = [
  { title: "ends at a deadline in a query without end", run: () => assert.rejects(run(source, { ...limited, timeoutMs: 200 }), DeadlineError) },
  { title: "ends with its fuel in a query without end", run: () => assert.rejects(run(source, { ...limited, fuel: 50_000_000n }), OutOfFuelError) },
  {
    title: "takes the same fuel for the same work",
    async run() {
      const once = () => run(source, { ...limited, stdin: inserts.slice(0, 10_000), stderr: "ignore", clock: { nowMs: 0 }, randomSeed: 1n });
      assert.equal((await once()).fuelConsumed, (await once()).fuelConsumed);
    },
  },
];

export default [...commands("sqlite", list), ...limits];
