// Runs the commands of one .wast file, in a store of its own.

import { isUtf8 } from "node:buffer";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CompileError, type Engine, type Imports, Instance, LinkError, Module, Store, features } from "../index.js";
import { Consequence, Mismatch, attempt, expect, isTrap } from "./expect.js";
import { Named } from "./named.js";
import { spectest } from "./spectest.js";
import { Values, isException, show, showJs } from "./values.js";
import { type Action, type Command, type Const, type Source, folder, readCommands } from "./wast.js";

/** What became of the commands of a file. */
export interface Outcome {
  passed: number;
  /** The lines of those that need a compiler, where there is none, or text that is no string. */
  notApplicable: number[];
  failures: Failure[];
  nans: { asked: number; kept: number };
}
export interface Failure {
  line: number;
  command: string;
  expected: string;
  got: string;
  /** The line of the module without which it could only fail. */
  cause?: number;
}

export function runFile(engine: Engine, file: string): Outcome {
  const script = new Script(engine, join(folder, file));
  const outcome: Outcome = { passed: 0, notApplicable: [], failures: [], nans: script.values.nans };
  for (const command of readCommands(file)) {
    if (!script.applies(command)) {
      outcome.notApplicable.push(command.line);
      continue;
    }
    try {
      script.run(command);
      outcome.passed++;
    } catch (error) {
      outcome.failures.push(failure(command, error));
    }
  }
  script.end();
  return outcome;
}

function failure({ line, type, ...rest }: Command, error: unknown): Failure {
  const command = "action" in rest ? `${type} ${rest.action.field}` : type;
  if (error instanceof Mismatch) return { line, command, expected: error.expected, got: error.got };
  if (error instanceof Consequence) return { line, command, expected: "", got: "", cause: error.line };
  return { line, command, expected: "no error", got: showJs(error) };
}

class Script {
  readonly values = new Values();
  private readonly store: Store;
  private readonly modules = new Named<Module>();
  private readonly instances = new Named<Instance>();
  /** What modules can import, by the name under which it is registered. */
  private readonly imports: Imports = Object.create(null);
  /** The names that could not be registered, and the lines that are to blame. */
  private readonly unregistered = new Map<string, number>();

  constructor(
    private readonly engine: Engine,
    private readonly folder: string,
  ) {
    this.store = new Store(engine);
    this.imports["spectest"] = spectest(this.store);
    // What an older build made would be taken for what this one failed to make.
    if (features.has("cranelift"))
      for (const name of readdirSync(folder)) if (name.endsWith(".cwasm")) rmSync(join(folder, name));
  }
  end(): void {
    this.store.dispose();
  }

  /** Whether a command can be asked of this build. Text that is not UTF-8 can't be had in JavaScript. */
  applies(command: Command): boolean {
    switch (command.type) {
      case "assert_malformed":
      case "assert_malformed_custom":
      case "assert_invalid":
      case "assert_invalid_custom":
        return features.has("cranelift") && (command.module_type === "binary" || isUtf8(this.bytes(command)));
    }
    return true;
  }

  run(command: Command): void {
    switch (command.type) {
      case "module":
        return this.instances.make([undefined, command.name], command.line, () => this.instantiate(this.load(command)));
      case "module_definition":
        return this.modules.make([undefined, command.name], command.line, () => this.load(command));
      case "module_instance": {
        const module = this.modules.get(command.module);
        return this.instances.make([undefined, command.instance], command.line, () => this.instantiate(module));
      }
      case "register":
        return this.register(command.as, command.name, command.line);
      case "action":
        return void this.act(command.action);
      case "assert_return":
        return this.returns(this.act(command.action), command.expected);
      case "assert_trap": {
        const got = attempt(() => this.act(command.action));
        return isTrap(got, command.text);
      }
      case "assert_exhaustion": {
        const got = attempt(() => this.act(command.action));
        // A host that is deep in its own stack has no more of it for the guest.
        return got instanceof RangeError ? undefined : isTrap(got, command.text);
      }
      case "assert_exception": {
        const got = attempt(() => this.act(command.action));
        return expect(isException(got), "an Exception", got);
      }
      case "assert_malformed":
      case "assert_malformed_custom":
      case "assert_invalid":
      case "assert_invalid_custom": {
        const got = attempt(() => this.compile(command));
        return expect(got instanceof CompileError, `CompileError: ${command.text}`, got);
      }
      case "assert_unlinkable": {
        const module = this.load(command);
        const got = attempt(() => this.instantiate(module));
        return expect(got instanceof LinkError, `LinkError: ${command.text}`, got);
      }
      case "assert_uninstantiable": {
        const module = this.load(command);
        const got = attempt(() => this.instantiate(module));
        return isTrap(got, command.text);
      }
      default:
        throw new Error(`the runner knows no command ${JSON.stringify(command satisfies never)}`);
    }
  }

  /** With the compiler: compiles, and leaves the artifact for the build without. */
  private load(source: Source): Module {
    const artifact = join(this.folder, `${source.filename}.cwasm`);
    if (features.has("cranelift")) {
      const module = this.compile(source);
      writeFileSync(artifact, this.engine.precompileSync(this.read(source)));
      return module;
    }
    if (!existsSync(artifact)) throw new Mismatch("an artifact", "the full build did not compile it");
    return Module.deserialize(this.engine, readFileSync(artifact));
  }
  private compile(source: Source): Module {
    return Module.compileSync(this.engine, this.read(source));
  }
  private read(source: Source): Uint8Array | string {
    const bytes = this.bytes(source);
    return source.module_type === "text" ? bytes.toString("utf8") : bytes;
  }
  private bytes({ filename }: Source): Buffer {
    return readFileSync(join(this.folder, filename));
  }

  private instantiate(module: Module): Instance {
    try {
      return new Instance(this.store, module, this.imports);
    } catch (error) {
      const failed = error instanceof LinkError && this.unregistered.get(error.module);
      throw failed ? new Consequence(failed) : error;
    }
  }

  private register(as: string, name: string | undefined, line: number): void {
    try {
      this.imports[as] = this.instances.get(name).exports;
      this.unregistered.delete(as);
    } catch (error) {
      delete this.imports[as];
      this.unregistered.set(as, error instanceof Consequence ? error.line : line);
      throw error;
    }
  }

  private act({ type, module, field, args }: Action): unknown {
    const { exports } = this.instances.get(module);
    if (!(field in exports)) throw new Error(`no export ${field}`);
    if (type === "get") return exports[field].value;
    // In an array of nothing but numbers V8 keeps only one NaN. In one that had anything else it leaves them alone.
    const given: unknown[] = [null];
    given.pop();
    for (const arg of args) given.push(this.values.toJs(arg));
    return exports[field](...given);
  }

  private returns(got: unknown, want: Const[]): void {
    const right =
      want.length === 0
        ? got === undefined
        : want.length === 1
          ? this.values.fits(got, want[0]!)
          : Array.isArray(got) && got.length === want.length && want.every((one, i) => this.values.fits(got[i], one));
    expect(right, want.length === 0 ? "no result" : want.map(show).join(", "), got);
  }
}
