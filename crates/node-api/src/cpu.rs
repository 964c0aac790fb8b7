//! Features of CPUs, by the names that Cranelift has for them without its `has_`, and which of them this machine has.

/// A table of names, and whether this machine has what Rust calls so.
macro_rules! table {
    ($detected:ident: $($name:literal = $feature:tt),* $(,)?) => {
        fn has(name: &str) -> bool {
            match name {
                $($name => std::arch::$detected!($feature),)*
                _ => false,
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
table! { is_x86_feature_detected:
    "cmpxchg16b" = "cmpxchg16b", "sse3" = "sse3", "ssse3" = "ssse3", "sse41" = "sse4.1", "sse42" = "sse4.2",
    "popcnt" = "popcnt", "avx" = "avx", "avx2" = "avx2", "fma" = "fma", "avx_vnni" = "avxvnni", "bmi1" = "bmi1",
    "bmi2" = "bmi2", "avx512bitalg" = "avx512bitalg", "avx512dq" = "avx512dq", "avx512f" = "avx512f",
    "avx512vl" = "avx512vl", "avx512vbmi" = "avx512vbmi", "avx512vnni" = "avx512vnni", "lzcnt" = "lzcnt",
}
#[cfg(target_arch = "aarch64")]
table! { is_aarch64_feature_detected:
    "lse" = "lse", "pauth" = "paca", "fp16" = "fp16", "dotprod" = "dotprod", "i8mm" = "i8mm",
}
/// Elsewhere Wasmtime looks itself, or can't.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has(_: &str) -> bool {
    true
}

/// Those of a list (`sse3`, `ssse3`) that this machine lacks.
pub fn missing<'a>(list: &[&'a str]) -> Vec<&'a str> {
    list.iter().copied().filter(|name| !has(name)).collect()
}
