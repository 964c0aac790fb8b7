// Why no addon could be loaded, and what to do: the usual causes, each known by what it leaves behind.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { platforms } from "./platforms.js";

interface Failure {
  tried: readonly { path: string; error: string }[];
  platform: string;
  /** The platforms that the package has addons for. */
  offered: readonly string[];
  /** What the names of the packages that would do begin with. */
  names: readonly string[];
  checkout: boolean;
  /** The node_modules folders that were searched. */
  searched: readonly string[];
}

/** What the errors of attempts say, and what it means. */
const causes: [sign: RegExp, advice: string][] = [
  [
    /ERR_DLOPEN_DISABLED/,
    "This process may not load native addons. Node's permission model needs --allow-addons; without it, --no-addons must go.",
  ],
  [
    /ERR_ACCESS_DENIED/,
    "Node's permission model denies reading the addon. Grant --allow-fs-read for node_modules, and --allow-addons.",
  ],
  [
    /it has version/,
    "Mixed versions: the package and its addon come from different releases. " +
      "Delete node_modules and install again; where you name both, give both one version.",
  ],
  [/GLIBC_[\d.]+' not found/, "This system's glibc is older than the addon needs. Use a newer system image."],
  [
    /ld-linux|libc\.musl|Error relocating|symbol not found/,
    "The addon was built for another C library (glibc and musl differ, as Debian and Alpine do). " +
      "Install on the system, or in the image, it runs on.",
  ],
  [
    /incompatible architecture|wrong architecture|invalid ELF header|wrong ELF class|not a valid Win32/,
    "The addon was built for another processor or system. Delete node_modules and install with the Node that runs here.",
  ],
];

/** One sentence or two per likely cause, likeliest first; never empty. */
export function diagnose(failure: Failure): string[] {
  const { tried } = failure;
  const errors = tried.map(({ error }) => error).join("\n");
  const hints = causes.filter(([sign]) => sign.test(errors)).map(([, advice]) => advice);
  if (process.env["CWASM_NATIVE_PATH"])
    hints.unshift(
      "CWASM_NATIVE_PATH is set, so nothing else was tried. Unset it, or name an addon of this version in it.",
    );
  return hints.length > 0 ? hints : [...whatIsInstalled(failure)];
}

function* whatIsInstalled({ platform, offered, names, checkout, searched }: Failure): Iterable<string> {
  const found = installed(names, searched);
  if (!offered.includes(platform))
    yield (
      `There is no prebuilt addon for ${platform}, only for ${offered.join(", ")}. ` +
      "Build one from source and name it in CWASM_NATIVE_PATH."
    );
  else if (checkout)
    yield "This is a checkout, and its build is missing or unfit. Run: npm run build";
  else if (found.includes(platform))
    yield "The addon is installed but can't be loaded: the file is damaged. Delete node_modules and install again.";
  else if (found.length === 0)
    yield (
      `The package for ${platform} is not installed. Optional dependencies may have been left out ` +
      "(--no-optional, --omit=optional, a lock file made on another system): delete node_modules, and the lock file if it " +
      "lists no such package, and install again with them."
    );
  else for (const other of found) yield differs(platform, other);
}

/** The platforms of our packages that lie where we searched. */
function installed(names: readonly string[], searched: readonly string[]): string[] {
  const isThere = (name: string) => searched.some((folder) => existsSync(join(folder, name)));
  return platforms.filter((platform) => names.some((name) => isThere(`${name}-${platform}`)));
}

function differs(here: string, other: string): string {
  const [os, cpu] = here.split("-");
  const [otherOs, otherCpu] = other.split("-");
  const installedFor = `An addon for ${other} is installed, and this is ${here}.`;
  if (os === otherOs && cpu === otherCpu)
    return `${installedFor} glibc and musl differ, as Debian and Alpine do: install in the image it runs in.`;
  if (os === "darwin" && otherOs === "darwin")
    return `${installedFor} The Node that installed or this one is the x64 build under Rosetta. Use the arm64 one for both.`;
  return (
    `${installedFor} node_modules was copied from another system, or is shared with one (WSL, a container's volume). ` +
    "Install on the system it runs on."
  );
}
