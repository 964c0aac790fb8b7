//! Named sets of all the settings that decide whether an artifact loads.
//!
//! Wasmtime compares some thirty settings when it loads an artifact, and the defaults of several depend on Cargo features,
//! on the host or on environment variables. So each of those is set here, whatever its default: an artifact that the compiler
//! of one build made with a profile loads in any other build with the same profile.

use wasmtime::{Config, Inlining, ModuleVersionStrategy, WasmBacktraceDetails, WasmFeatures};

use crate::error::{Error, Result};
use crate::features::{self, WASMTIME_VERSION};
use crate::gc;
use crate::options::Options;

/// What a memory that may move has to grow into when it is moved: a few copies instead of one for each page.
const GROWTH: u64 = 1 << 20;

/// What a profile is about, besides the brakes that its guests have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Base {
    /// Fastest.
    Default,
    /// For programs that want SIGSEGV and the like for themselves: guests trap by checks in their code.
    NoSignals,
    /// For hosts with little address space (`ulimit -v`, small machines): memories take what they use and no more.
    SmallAddressSpace,
}
use Base::{Default, NoSignals, SmallAddressSpace};

/// A profile. Its name is part of an artifact's stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    base: Base,
    /// Whether guests count what they do.
    pub fuel: bool,
    /// Whether guests look at the engine's epoch, so that they can be stopped.
    pub epochs: bool,
}

/// All that have a name of their own. Others are one of these with `+fuel` or `+epochs`.
const NAMED: [(&str, Profile); 5] = [
    ("default", Profile::new(Default, false, false)),
    ("sandbox", Profile::new(Default, false, true)),
    ("metered", Profile::new(Default, true, true)),
    ("no-signals", Profile::new(NoSignals, false, false)),
    ("small-address-space", Profile::new(SmallAddressSpace, false, false)),
];

impl Profile {
    const fn new(base: Base, fuel: bool, epochs: bool) -> Profile {
        Profile { base, fuel, epochs }
    }
    /// The profile of this name.
    pub fn named(name: &str) -> Option<Profile> {
        let mut words = name.split('+');
        let first = words.next();
        let (_, mut profile) = *NAMED.iter().find(|(known, _)| Some(*known) == first)?;
        for word in words {
            match word {
                "fuel" => profile.fuel = true,
                "epochs" => profile.epochs = true,
                _ => return None,
            }
        }
        Some(profile)
    }
    pub fn name(self) -> String {
        if let Some((name, _)) = NAMED.iter().find(|(_, known)| *known == self) {
            return (*name).into();
        }
        let plain = Profile::new(self.base, false, false);
        let fuel = if self.fuel { "+fuel" } else { "" };
        let epochs = if self.epochs { "+epochs" } else { "" };
        format!("{}{fuel}{epochs}", plain.name())
    }
    /// Reads the options `profile`, `fuel` and `epochs`.
    pub fn read(options: &Options<crate::config::Config>) -> Result<Profile> {
        let name = options.string("profile")?.unwrap_or_else(|| "default".into());
        let Some(mut profile) = Profile::named(&name) else {
            let names = NAMED.map(|(name, _)| format!("'{name}'")).join(", ");
            let message =
                format!("config.profile must be one of {names} (or one with '+fuel' or '+epochs'), got '{name}'");
            return Err(Error::type_error(message).into());
        };
        profile.fuel = options.bool("fuel")?.unwrap_or(profile.fuel);
        profile.epochs = options.bool("epochs")?.unwrap_or(profile.epochs);
        Ok(profile)
    }

    /// The same, with a brake.
    pub fn with_epochs(self) -> Profile {
        Profile { epochs: true, ..self }
    }
    /// The same, with fuel and a brake.
    pub fn with_fuel(self) -> Profile {
        Profile {
            fuel: true,
            ..self.with_epochs()
        }
    }
    /// Whether a pool, which sets address space aside, is against its purpose.
    pub fn is_small(self) -> bool {
        self.base == SmallAddressSpace
    }
    /// Whether guests trap by signals.
    pub fn signals(self) -> bool {
        self.base != NoSignals
    }

    /// What stands in an artifact's version field, and must be the same where it is loaded. Wasmtime's own check is of the
    /// major version alone, yet layouts have changed inside one.
    pub fn stamp(self) -> String {
        format!("{WASMTIME_VERSION}+{}", self.name())
    }

    /// Bytes of address space that each 32-bit memory, and each heap of a guest's objects, has to grow into without moving.
    pub fn memory_reservation(self) -> u64 {
        if self.base == SmallAddressSpace { 0 } else { 4 << 30 }
    }
    /// Bytes behind them that no access gets over, so that most need no check.
    fn guard_size(self) -> u64 {
        if self.base == SmallAddressSpace { 0 } else { 32 << 20 }
    }

    pub fn apply(self, config: &mut Config) {
        config
            .module_version(ModuleVersionStrategy::Custom(self.stamp()))
            .expect("a stamp is shorter than 255 bytes")
            .consume_fuel(self.fuel)
            .epoch_interruption(self.epochs)
            .memory_reservation(self.memory_reservation())
            .memory_guard_size(self.guard_size())
            .memory_reservation_for_growth(GROWTH)
            .memory_may_move(true)
            .guard_before_linear_memory(self.guard_size() > 0)
            .memory_init_cow(true)
            .table_lazy_init(true)
            .signals_based_traps(self.signals())
            .relaxed_simd_deterministic(false)
            .compiler_inlining(Inlining::No)
            .concurrency_support(false)
            .shared_memory(features::THREADS)
            .debug_info(false)
            .debug_symbols(true)
            .wasm_backtrace_details(WasmBacktraceDetails::Disable)
            .gc_heap_reservation(self.memory_reservation())
            .gc_heap_guard_size(self.guard_size())
            .gc_heap_reservation_for_growth(GROWTH)
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
