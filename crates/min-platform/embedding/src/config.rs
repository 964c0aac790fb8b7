//! The settings of the profiles `embedded` and `embedded-signals`: those of `profile.rs` in the addon's crate, which compiles for
//! them. Wasmtime compares them when it loads an artifact.

use alloc::format;
use alloc::string::String;

use wasmtime::{Config, ModuleVersionStrategy, Result, WasmBacktraceDetails, WasmFeatures};

use crate::cpu;

/// Of Wasmtime: artifacts are stamped with it, as layouts change with any.
pub const WASMTIME: &str = "48.0.8";
/// What artifacts have to be compiled with.
pub const PROFILE: &str = if cfg!(feature = "signals") {
    "embedded-signals"
} else {
    "embedded"
};
/// Stack of guests, where nothing is said.
const STACK: usize = 128 << 10;

/// What an engine is made for.
#[derive(Clone, Copy)]
pub struct Choice {
    pub pulley: bool,
    pub fuel: bool,
    pub epochs: bool,
    /// 0: the default.
    pub max_wasm_stack: usize,
}

impl Choice {
    /// What artifacts for it are stamped with.
    pub fn stamp(&self) -> String {
        let fuel = if self.fuel { "+fuel" } else { "" };
        let epochs = if self.epochs { "+epochs" } else { "" };
        format!("{WASMTIME}+{PROFILE}{fuel}{epochs}")
    }

    /// Bytes of stack that a call may use.
    pub fn stack(&self) -> usize {
        if self.max_wasm_stack == 0 {
            STACK
        } else {
            self.max_wasm_stack
        }
    }

    pub fn config(&self) -> Result<Config> {
        let mut config = Config::new();
        if self.pulley {
            config.target("pulley64")?;
        } else {
            publish_by_hooks(&mut config);
        }
        let signals = cfg!(feature = "signals");
        let reservation = if signals { 4 << 30 } else { 0 };
        let guard = if signals && !self.pulley { 32 << 20 } else { 0 };
        config
            .module_version(ModuleVersionStrategy::Custom(self.stamp()))?
            .consume_fuel(self.fuel)
            .epoch_interruption(self.epochs)
            .memory_reservation(reservation)
            .memory_reservation_for_growth(0)
            .memory_guard_size(guard)
            .guard_before_linear_memory(guard > 0)
            .memory_may_move(true)
            .memory_init_cow(signals)
            .gc_heap_reservation(reservation)
            .gc_heap_guard_size(guard)
            .gc_heap_may_move(true)
            .gc_heap_initial_size(0)
            .signals_based_traps(signals && !self.pulley)
            .table_lazy_init(true)
            .relaxed_simd_deterministic(false)
            .concurrency_support(false)
            .debug_symbols(true)
            .wasm_backtrace_details(WasmBacktraceDetails::Disable)
            // Frames would be collected on the heap, and nobody asks for them.
            .wasm_backtrace_max_frames(None)
            .max_wasm_stack(self.stack())
            // Nothing is async here, but it must not be smaller.
            .async_stack_size(self.stack());
        for (proposals, on) in [
            (WasmFeatures::WASM2, true),
            (WasmFeatures::EXTENDED_CONST, true),
            (WasmFeatures::TAIL_CALL, true),
            (WasmFeatures::MULTI_MEMORY, true),
            (WasmFeatures::MEMORY64, true),
            (WasmFeatures::RELAXED_SIMD, true),
            (WasmFeatures::REFERENCE_TYPES, true),
            (WasmFeatures::CUSTOM_PAGE_SIZES, true),
            (WasmFeatures::WIDE_ARITHMETIC, true),
            (WasmFeatures::THREADS, false),
            (WasmFeatures::GC_TYPES, false),
            (WasmFeatures::FUNCTION_REFERENCES, false),
            (WasmFeatures::GC, false),
            (WasmFeatures::EXCEPTIONS, false),
            (WasmFeatures::STACK_SWITCHING, false),
            (WasmFeatures::COMPONENT_MODEL, false),
        ] {
            config.wasm_features(proposals, on);
        }
        cpu::apply(&mut config);
        Ok(config)
    }
}

/// Without virtual memory Wasmtime has code on the heap and knows no way to make it executable.
#[cfg(all(feature = "native", not(feature = "signals")))]
fn publish_by_hooks(config: &mut Config) {
    use alloc::sync::Arc;
    use wasmtime::{CustomCodeMemory, bail};

    use crate::platform;

    /// What code is aligned to in artifacts, which is as large as pages may be.
    const ALIGNMENT: usize = if cfg!(target_arch = "x86_64") { 4096 } else { 65536 };

    struct Hooks;
    impl CustomCodeMemory for Hooks {
        fn required_alignment(&self) -> usize {
            ALIGNMENT
        }
        fn publish_executable(&self, code: *const u8, len: usize) -> Result<()> {
            // SAFETY: so much code is there, which runs only once this is done.
            if unsafe { platform::cwasm_platform_publish(code, len) } != 0 {
                bail!("the platform can't make code executable");
            }
            Ok(())
        }
        fn unpublish_executable(&self, code: *const u8, len: usize) -> Result<()> {
            // SAFETY: the same code, which nothing runs any more.
            if unsafe { platform::cwasm_platform_unpublish(code, len) } != 0 {
                bail!("the platform can't make code writable");
            }
            Ok(())
        }
    }
    config.with_custom_code_memory(Some(Arc::new(Hooks)));
}
/// With it Wasmtime does that itself.
#[cfg(not(all(feature = "native", not(feature = "signals"))))]
fn publish_by_hooks(_: &mut Config) {}
