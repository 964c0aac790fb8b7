//! What this build can do. Beside the `mod` lines of lib.rs this is the only place that reads Cargo's features.

use napi_derive::napi;

use crate::error::{Error, Failure, guard};
use crate::js::Js;

macro_rules! features {
    ($($name:literal $constant:ident),* $(,)?) => {
        $(pub const $constant: bool = cfg!(feature = $name);)*
        /// Every feature there is, and whether this build has it.
        pub const ALL: &[(&str, bool)] = &[$(($name, $constant)),*];
    };
}

features! {
    "cranelift" CRANELIFT,
    "wat" WAT,
    "cache" CACHE,
    "parallel-compilation" PARALLEL_COMPILATION,
    "async" ASYNC,
    "gc" GC,
    "threads" THREADS,
    "pooling-allocator" POOLING_ALLOCATOR,
    "wasi" WASI,
    "demangle" DEMANGLE,
    "addr2line" ADDR2LINE,
    "pulley" PULLEY,
    "all-arch" ALL_ARCH,
}

/// The exact Wasmtime version this build contains.
pub const WASMTIME_VERSION: &str = env!("CWASM_WASMTIME_VERSION");

/// Version of the package.
#[napi]
#[allow(non_upper_case_globals, reason = "napi names a constant as Rust does")]
pub const version: &str = env!("CWASM_VERSION");
/// The exact Wasmtime version inside.
#[napi]
#[allow(non_upper_case_globals, reason = "napi names a constant as Rust does")]
pub const wasmtimeVersion: &str = WASMTIME_VERSION;
/// Which build this is.
#[napi]
#[allow(non_upper_case_globals, reason = "napi names a constant as Rust does")]
pub const variant: &str = env!("CWASM_VARIANT");

/// The names of the features this build has.
#[napi(skip_typescript)]
pub fn features(env: napi::Env) -> napi::Result<Js> {
    let env = env.raw();
    guard(env, || {
        let names = ALL
            .iter()
            .filter(|(_, present)| *present)
            .map(|(name, _)| Js::string(env, name));
        Js::array(env, names)
    })
}

/// The error for something that needs a feature this build lacks. The facade completes it.
pub fn absent(feature: &str, what: &str) -> Failure {
    Error::new("FeatureUnavailableError", what)
        .with("feature", feature)
        .into()
}
