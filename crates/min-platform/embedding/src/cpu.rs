//! What the CPU has of what artifacts may need, and floats on x64.
//!
//! Rust for `x86_64-unknown-none` passes floats in other registers than compiled wasm does. They meet in a few functions alone, which
//! round where the CPU that was compiled for can't (before SSE 4.1): artifacts that call those are refused here.

use wasmtime::Config;

/// Functions of Wasmtime that take floats, by the names that artifacts have them under.
#[cfg(target_arch = "x86_64")]
pub const FLOATS: &[&str] = &[
    "wasmtime_builtin_ceil_f32",
    "wasmtime_builtin_ceil_f64",
    "wasmtime_builtin_floor_f32",
    "wasmtime_builtin_floor_f64",
    "wasmtime_builtin_trunc_f32",
    "wasmtime_builtin_trunc_f64",
    "wasmtime_builtin_nearest_f32",
    "wasmtime_builtin_nearest_f64",
    "wasmtime_builtin_fma_f32x4",
    "wasmtime_builtin_fma_f64x2",
];
#[cfg(not(target_arch = "x86_64"))]
pub const FLOATS: &[&str] = &[];

/// A table of the names that the compiler and Rust have for a feature.
#[cfg(target_arch = "x86_64")]
macro_rules! table {
    ($($name:literal = $feature:tt),* $(,)?) => {
        /// Whether there is a feature, by the name that is in artifacts.
        pub fn has(name: &str) -> bool {
            match name {
                $($name => core_detect::is_x86_feature_detected!($feature),)*
                _ => false,
            }
        }
        /// The same by Rust's.
        fn detect(name: &str) -> Option<bool> {
            match name {
                $($feature => Some(core_detect::is_x86_feature_detected!($feature)),)*
                _ => None,
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
table! {
    "cmpxchg16b" = "cmpxchg16b", "sse3" = "sse3", "ssse3" = "ssse3", "sse41" = "sse4.1", "sse42" = "sse4.2",
    "popcnt" = "popcnt", "avx" = "avx", "avx2" = "avx2", "fma" = "fma", "bmi1" = "bmi1", "bmi2" = "bmi2", "lzcnt" = "lzcnt",
    "avx512dq" = "avx512dq", "avx512f" = "avx512f", "avx512vl" = "avx512vl", "avx512vbmi" = "avx512vbmi",
}

/// Elsewhere a program can't ask the CPU without an operating system; what the build was made for is there.
#[cfg(not(target_arch = "x86_64"))]
pub fn has(name: &str) -> bool {
    detect(name) == Some(true)
}
#[cfg(not(target_arch = "x86_64"))]
fn detect(name: &str) -> Option<bool> {
    match name {
        "lse" => Some(cfg!(target_feature = "lse")),
        "pauth" | "paca" => Some(cfg!(target_feature = "paca")),
        "fp16" => Some(cfg!(target_feature = "fp16")),
        "dotprod" => Some(cfg!(target_feature = "dotprod")),
        "i8mm" => Some(cfg!(target_feature = "i8mm")),
        _ => None,
    }
}

pub fn apply(config: &mut Config) {
    // SAFETY: what says that a feature is there has asked the CPU, or was itself built for one with it.
    unsafe { config.detect_host_feature(detect) };
    #[cfg(target_arch = "x86_64")]
    // SAFETY: artifacts that pass floats to Wasmtime's own functions are refused (`FLOATS`).
    unsafe {
        config.x86_float_abi_ok(true);
    }
}
