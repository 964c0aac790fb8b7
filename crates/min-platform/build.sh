#!/bin/sh
# ./build.sh TARGET [CONFIGURATION…]: the embedding for x86_64-unknown-none or aarch64-unknown-none, and the Linux program that loads
# it, into out/TARGET/CONFIGURATION. Configurations are
#
#   native           machine code, traps by checks, memory from the heap: the default features
#   native-signals   machine code, with the platform's virtual memory, faults and locks
#   pulley           interpreted, for platforms whose memory can't be made executable
#   pulley-signals   interpreted, with virtual memory and locks
#
# By default all of them. It installs nothing: where something is missing it says what, with status 3. CARGO, RUSTC, CC (for the
# target's Linux) and STRIP name other tools than the usual ones.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${1:-}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- native native-signals pulley pulley-signals
cargo=${CARGO:-cargo}
rustc=${RUSTC:-rustc}
case $target in
x86_64-unknown-none) tools=x86_64-linux-gnu- arch=x86_64 ;;
aarch64-unknown-none) tools=aarch64-linux-gnu- arch=aarch64 ;;
*)
  echo "usage: build.sh x86_64-unknown-none|aarch64-unknown-none [native|native-signals|pulley|pulley-signals]…" >&2
  exit 2
  ;;
esac
[ "$(uname -m)" != "$arch" ] || tools=
cc=${CC:-${tools}gcc}
strip=${STRIP:-${tools}strip}

missing() {
  echo "This can't be built here, where there is no $1" >&2
  exit 3
}
for tool in "$cargo" "$rustc" "$cc" "$strip"; do
  command -v "$tool" >/dev/null || missing "$tool"
done

# Rust's own library for the target, or its source: then it is compiled too, for size.
if [ -d "$("$rustc" --print target-libdir --target "$target")" ]; then
  std=
elif [ -f "$("$rustc" --print sysroot)/lib/rustlib/src/rust/library/Cargo.toml" ]; then
  std="-Zbuild-std=core,alloc -Zbuild-std-features=optimize_for_size"
else
  missing "standard library of Rust for $target (rustup target add $target), nor its source (rustup component add rust-src)"
fi
# Nobody unwinds, or reads where in Wasmtime's source something is or how its types look. The last two, and the library's source, are for
# compilers that are told so.
export RUSTC="$rustc" RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Crelocation-model=pic -Cforce-unwind-tables=no -Zlocation-detail=none -Zfmt-debug=none"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$here/../../target/min-platform}"

for configuration; do
  case $configuration in
  native) features=native defines= ;;
  native-signals) features=native,signals,sync defines="-DWASMTIME_VIRTUAL_MEMORY -DWASMTIME_NATIVE_SIGNALS -DWASMTIME_CUSTOM_SYNC" ;;
  pulley) features=pulley defines= ;;
  pulley-signals) features=pulley,signals,sync defines="-DWASMTIME_VIRTUAL_MEMORY -DWASMTIME_NATIVE_SIGNALS -DWASMTIME_CUSTOM_SYNC" ;;
  *)
    echo "there is no configuration $configuration" >&2
    exit 2
    ;;
  esac
  out=$here/out/$target/$configuration
  mkdir -p "$out"
  # shellcheck disable=SC2086 # several words, or none
  "$cargo" build --quiet --release --locked --manifest-path "$here/Cargo.toml" --package cwasm-embedding --target "$target" \
    --no-default-features --features $features $std
  cp "$CARGO_TARGET_DIR/$target/release/libembedding.a" "$out/"

  # A shared object of what the ABI reaches, without a C library. What it lacks is the platform's to give.
  "$cc" -shared -nostdlib -o "$out/libembedding.so" -Wl,--whole-archive "$out/libembedding.a" -Wl,--no-whole-archive \
    -Wl,--gc-sections -Wl,--version-script="$here/embedding/exports.map" -Wl,--build-id=none -Wl,--hash-style=gnu \
    -Wl,-z,noseparate-code -Wl,-O1
  "$strip" "$out/libembedding.so"

  # The host, once for the shared object and once with the static library in it. `-rdynamic` is what the platform's functions
  # are found by.
  flags="-std=gnu11 -O2 -Wall -Wextra -Werror -I$here/platform -I$here/embedding/include $defines"
  # shellcheck disable=SC2086
  "$cc" $flags -o "$out/host" "$here"/host/*.c "$here"/platform/*.c -rdynamic -pthread -ldl
  # shellcheck disable=SC2086
  "$cc" $flags -static -DSTATIC -o "$out/host-static" "$here"/host/*.c "$here"/platform/*.c "$out/libembedding.a" -Wl,--gc-sections -pthread
  echo "$target $configuration: libembedding.so $(wc -c <"$out/libembedding.so" | tr -d ' ') bytes"
done
