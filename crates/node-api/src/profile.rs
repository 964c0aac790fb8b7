//! Named sets of all the settings that decide whether an artifact loads.
//!
//! Wasmtime compares some thirty settings when it loads an artifact, and the defaults of several depend on Cargo features,
//! on the host or on environment variables. So every one is set here, whatever its default: an artifact that the compiler
//! of one build made with a profile loads in any other build with the same profile.

use wasmtime::{Config, Inlining, ModuleVersionStrategy, WasmBacktraceDetails, WasmFeatures};

use crate::features::{self, WASMTIME_VERSION};
use crate::gc;

/// A profile. Its name is part of an artifact's stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// Fastest.
    Default,
    /// With epochs, so that a guest can be stopped or made to yield.
    Sandbox,
    /// With fuel and epochs, so that work can be counted too.
    Metered,
}

pub const PROFILES: [(&str, Profile); 3] = [
    ("default", Profile::Default),
    ("sandbox", Profile::Sandbox),
    ("metered", Profile::Metered),
];

impl Profile {
    pub fn name(self) -> &'static str {
        PROFILES
            .iter()
            .find(|(_, profile)| *profile == self)
            .map_or("", |(name, _)| name)
    }
    pub fn named(name: &str) -> Option<Profile> {
        PROFILES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, profile)| *profile)
    }
    pub fn fuel(self) -> bool {
        self == Profile::Metered
    }
    pub fn epochs(self) -> bool {
        self != Profile::Default
    }

    /// What stands in an artifact's version field, and must be the same where it is loaded. Wasmtime's own check is of the
    /// major version alone, yet layouts have changed inside one.
    pub fn stamp(self) -> String {
        format!("{WASMTIME_VERSION}+{}", self.name())
    }

    /// Bytes of address space that each 32-bit memory has to grow into without moving.
    pub fn memory_reservation(self) -> u64 {
        4 << 30
    }

    pub fn apply(self, config: &mut Config) {
        config
            .module_version(ModuleVersionStrategy::Custom(self.stamp()))
            .expect("a stamp is shorter than 255 bytes")
            .consume_fuel(self.fuel())
            .epoch_interruption(self.epochs())
            .memory_reservation(self.memory_reservation())
            .memory_guard_size(32 << 20)
            .memory_may_move(true)
            .guard_before_linear_memory(true)
            .memory_init_cow(true)
            .table_lazy_init(true)
            .signals_based_traps(true)
            .relaxed_simd_deterministic(false)
            .compiler_inlining(Inlining::No)
            .concurrency_support(false)
            .shared_memory(features::THREADS)
            .debug_info(false)
            .debug_symbols(true)
            .wasm_backtrace_details(WasmBacktraceDetails::Disable)
            .gc_heap_reservation(4 << 30)
            .gc_heap_guard_size(32 << 20)
            .gc_heap_may_move(true)
            .gc_heap_initial_size(0)
            // Node forks and spawns; mach ports do not survive that.
            .macos_use_mach_ports(false);
        for (proposal, on) in proposals() {
            config.wasm_features(proposal, on);
        }
        gc::apply(config);
    }
}

/// Every proposal Wasmtime knows, and whether it is on. An artifact loads where all that it was compiled with are on.
fn proposals() -> [(WasmFeatures, bool); 18] {
    [
        (WasmFeatures::WASM2, true),
        (WasmFeatures::EXTENDED_CONST, true),
        (WasmFeatures::TAIL_CALL, true),
        (WasmFeatures::MULTI_MEMORY, true),
        (WasmFeatures::MEMORY64, true),
        (WasmFeatures::RELAXED_SIMD, true),
        (WasmFeatures::THREADS, features::THREADS),
        (WasmFeatures::GC_TYPES, features::GC),
        (WasmFeatures::REFERENCE_TYPES, features::GC),
        (WasmFeatures::FUNCTION_REFERENCES, features::GC),
        (WasmFeatures::GC, features::GC),
        (WasmFeatures::EXCEPTIONS, features::GC),
        (WasmFeatures::CUSTOM_PAGE_SIZES, true),
        (WasmFeatures::WIDE_ARITHMETIC, true),
        (WasmFeatures::STACK_SWITCHING, false),
        (WasmFeatures::SHARED_EVERYTHING_THREADS, false),
        (WasmFeatures::COMPONENT_MODEL, false),
        (WasmFeatures::LEGACY_EXCEPTIONS, false),
    ]
}
