// The error classes. Native code throws instances of them: they are handed to it at load (lib/load.ts).

type Fields = Record<string, unknown>;

/** A caller's mistake about a type. The code is Node's own for that. */
export function wrongType(message: string): TypeError {
  return misuse(TypeError, "ERR_INVALID_ARG_TYPE", message, wrongType);
}
/** A caller's mistake about a size or a place. */
export function outOfRange(message: string): RangeError {
  return misuse(RangeError, "ERR_OUT_OF_RANGE", message, outOfRange);
}
/** An error of the system, with the fields that Node gives to its own. */
export function systemError(message: string, fields: Fields): Error {
  const error = Object.assign(new Error(message), fields);
  Error.captureStackTrace(error, systemError);
  return error;
}
function misuse<E extends Error>(errorClass: new (message: string) => E, code: string, message: string, maker: Function): E {
  const error = Object.assign(new errorClass(message), { code });
  Error.captureStackTrace(error, maker);
  return error;
}

/** Whether a value is an error of this package; looks at it without running its code. */
export let isOurs: (value: unknown) => boolean;

/** Base of all errors of this package that are not JavaScript's own `TypeError` and `RangeError`. */
export class WasmtimeError extends Error {
  /** `ERR_WASMTIME_…`, one for each class. */
  readonly code: string = "ERR_WASMTIME";

  /** Nobody can forge it. */
  readonly #own = true;

  constructor(message: string, fields: Fields & { cause?: unknown } = {}) {
    const { cause, ...rest } = fields;
    super(message, cause === undefined ? undefined : { cause });
    Object.assign(this, rest);
  }
  static {
    isOurs = (value) => typeof value === "object" && value !== null && #own in value;
  }

  static {
    named(this);
  }
}

/** The name is the class's, and not enumerable, as on JavaScript's own errors. */
export function named(errorClass: { name: string; prototype: object }): void {
  Object.defineProperty(errorClass.prototype, "name", { value: errorClass.name, configurable: true, writable: true });
}

/** Bytes or text that are no valid wasm. */
export class CompileError extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_COMPILE";
  /** Where, in bytes from the start, if it is known. */
  declare readonly offset?: number;
  static {
    named(this);
  }
}

/** An import that is missing or of the wrong type. */
export class LinkError extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_LINK";
  /** The first of the import's two names. */
  declare readonly module: string;
  /** The second of the import's two names, and not the class's, as on other errors. */
  declare name: string;
  /** What was wanted, and what was given. */
  declare readonly expected?: string;
  declare readonly found?: string;
  static {
    named(this);
  }
  constructor(message: string, { name, ...fields }: Fields = {}) {
    super(message, fields);
    // V8 writes the head of the stack when it is first read, with the name of that moment.
    void this.stack;
    if (name !== undefined) this.name = name as string;
  }
  override toString(): string {
    return `LinkError: ${this.message}`;
  }
  /** For `console.log`, which would take the import's name for the error's. */
  [Symbol.for("nodejs.util.inspect.custom")](_: number, options: object, inspect: (value: object, options: object) => string) {
    const { code, module, name, expected, found } = this;
    return `${this.stack} ${inspect({ code, module, name, expected, found }, options)}`;
  }
}

/** An artifact that does not load here: no artifact, another version or profile, another kind of machine. */
export class IncompatibleModuleError extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_INCOMPATIBLE_MODULE";
  /** `wasm` (not compiled at all), `notAnArtifact`, `damaged`, `version`, `profile`, `target` (of another architecture or system), `cpu`
   * (needs what this one lacks), `compilerVersion` (older than is accepted), `feature` (for builds with what this one lacks), `setting` (one
   * of the others) or `missing` (a manifest has none that fits). */
  declare readonly reason:
    | "wasm"
    | "notAnArtifact"
    | "damaged"
    | "version"
    | "profile"
    | "target"
    | "cpu"
    | "compilerVersion"
    | "feature"
    | "setting"
    | "missing";
  /** Which one differs. */
  declare readonly setting?: string;
  declare readonly expected?: string;
  declare readonly found?: string;
  /** What to do about it. */
  declare readonly hint: string;
  static {
    named(this);
  }
}

/** An artifact whose signature is missing, or not one that a trusted key has made of these bytes. */
export class SignatureError extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_SIGNATURE";
  /** `missing`, `malformed`, `unknownKey`, `forged` (not made with the key that it names) or `mismatch` (of other bytes). */
  declare readonly reason: "missing" | "malformed" | "unknownKey" | "forged" | "mismatch";
  static {
    named(this);
  }
}

/** One function on the guest's stack when it trapped, the innermost first. Offsets are bytes in the wasm file. */
export interface Frame {
  readonly funcIndex: number;
  readonly funcName?: string;
  readonly moduleName?: string;
  readonly moduleOffset?: number;
  readonly funcOffset?: number;
  /** Where the source is, as the guest's debug information has it: with the profile `debug`, in builds with the feature `addr2line`. */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** The guest did what wasm does not allow, or asked to be stopped (`unreachable`). The store can be used further. */
export class Trap extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_TRAP";
  /** Wasmtime's name of it: `unreachableCodeReached`, `memoryOutOfBounds`, `stackOverflow`, … */
  declare readonly trapCode: string;
  declare readonly frames: readonly Frame[];
  static {
    named(this);
  }
}

/** The guest ran longer than it may. */
export class DeadlineError extends Trap {
  override readonly code: string = "ERR_WASMTIME_DEADLINE";
  static {
    named(this);
  }
}

/** The guest has used up its fuel. */
export class OutOfFuelError extends Trap {
  override readonly code: string = "ERR_WASMTIME_OUT_OF_FUEL";
  static {
    named(this);
  }
}

/** The guest asked for more memory or table elements than its store's limits allow, and they say to end it then; or the heap of its
 * objects has no room. */
export class MemoryLimitError extends Trap {
  override readonly code: string = "ERR_WASMTIME_MEMORY_LIMIT";
  static {
    named(this);
  }
}

/** The guest called `proc_exit`, outside of `run`. */
export class WasiExit extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_WASI_EXIT";
  declare readonly exitCode: number;
  static {
    named(this);
  }
}

/** A store that is in use, and so can't be used from outside or disposed. */
export class StoreBusyError extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_STORE_BUSY";
  static {
    named(this);
  }
}

/** A store that was disposed. */
export class ClosedError extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_CLOSED";
  static {
    named(this);
  }
}

/** Something this build has no code for. */
export class FeatureUnavailableError extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_FEATURE_UNAVAILABLE";
  declare readonly feature: string;
  /** The build that lacks it. */
  declare readonly variant: string;
  /** What to do about it. */
  declare readonly hint: string;
  static {
    named(this);
  }
}

/** No addon could be loaded. */
export class NativeNotFoundError extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_NATIVE_NOT_FOUND";
  /** What was looked for, and why it was not it. */
  declare readonly tried: readonly { path: string; error: string }[];
  static {
    named(this);
  }
}

/** A mistake of ours: a panic in native code. The store in which it happened can't be used any more; all else can. */
export class InternalError extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_INTERNAL";
  static {
    named(this);
  }
}
