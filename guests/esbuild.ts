// esbuild, written in Go.

import { type Command, commands } from "./command.js";

const project = {
  "main.ts": `import { greet, type Name } from "./lib/greet";
import { answer } from "./data.json";
const name: Name = "you";
console.log(greet(name), answer);
`,
  "lib/greet.ts": "export type Name = string;\nexport const greet = (name: Name) => `hello ${name}`;\nexport const unused = 1;\n",
  "data.json": '{ "answer": 42 }\n',
};

const bundle = `// lib/greet.ts
var greet = (name2) => \`hello \${name2}\`;

// data.json
var answer = 42;

// main.ts
var name = "you";
console.log(greet(name), answer);
//# sourceMappingURL=main.js.map
`;

const list: Command[] = [
  { title: "says its version", args: ["--version"], stdout: "0.27.2\n" },
  {
    title: "makes JavaScript of TypeScript, from stdin to stdout",
    args: ["--loader=ts", "--minify"],
    stdin: "let x: number = 1+2; console.log(x)\n",
    stdout: "let x=3;console.log(x);\n",
  },
  {
    title: "bundles a tree of files into another folder",
    args: ["--bundle", "/main.ts", "--outdir=/out", "--format=esm", "--sourcemap", "--log-level=warning"],
    dirs: { "/": project, "/out": {} },
    after: {
      "/out/main.js": bundle,
      "/out/main.js.map": /"sources": \["\.\.\/lib\/greet\.ts", "\.\.\/data\.json", "\.\.\/main\.ts"\]/,
    },
  },
  {
    title: "makes folders for what several files share",
    args: ["--bundle", "/main.ts", "/lib/greet.ts", "--outdir=/out/a/b", "--splitting", "--format=esm", "--log-level=warning"],
    dirs: { "/": project, "/out": {} },
    after: { "/out/a/b/main.js": /from "\.\/chunk-\w+\.js"/, "/out/a/b/lib/greet.js": /export \{/ },
  },
  {
    title: "ends with 1 and shows the line of a mistake on stderr",
    args: ["--bundle", "/bad.ts", "--outdir=/out"],
    dirs: { "/": { "bad.ts": "let x: = 1\n" }, "/out": {} },
    exitCode: 1,
    stderr: /\[ERROR\] Unexpected "="\n\n    bad\.ts:1:7:\n[^]*1 error\n$/,
  },
  {
    title: "ends with 1 for a file that is not there",
    args: ["--bundle", "/nowhere.ts", "--outdir=/out"],
    dirs: { "/": project, "/out": {} },
    exitCode: 1,
    stderr: /Could not resolve "\/nowhere\.ts"/,
  },
  { title: "ends with 1 for an option that it does not know", args: ["--nonsense"], exitCode: 1, stderr: /"--nonsense"/ },
];

export default commands("esbuild", list);
