//! Named sets of all the settings that decide whether an artifact loads.
//!
//! Wasmtime compares some thirty settings when it loads an artifact, and the defaults of several depend on Cargo features,
//! on the host or on environment variables. So each of those is set here, whatever its default: an artifact that the compiler
//! of one build made with a profile loads in any other build with the same profile. A spec asks Wasmtime which it compares.

use wasmtime::{Config, Inlining, WasmBacktraceDetails, WasmFeatures};

use crate::error::{Error, Result};
use crate::features;
use crate::gc;
use crate::interruption::Interruption;
use crate::options::{Options, camel};
use crate::target::Target;

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
    /// The same results on every machine: NaNs and relaxed SIMD too, and no threads.
    Deterministic,
    /// For debuggers and for reading code: DWARF, lines in traces where the build can tell them.
    Debug,
    /// For hosts without an operating system: neither signals nor virtual memory, and no more proposals than a small runtime has.
    Embedded,
    /// The same for those that have virtual memory and tell of faults: guests trap by them, and memories have space to grow into.
    EmbeddedSignals,
}
use Base::{Default, Deterministic, Embedded, EmbeddedSignals, NoSignals, SmallAddressSpace};

/// What the build that an artifact is for has, of the features that decide whether one loads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Build {
    pub gc: bool,
    pub threads: bool,
}

impl Build {
    const THIS: Build = Build {
        gc: features::GC,
        threads: features::THREADS,
    };
}

/// A profile. Its name is part of an artifact's stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    base: Base,
    build: Build,
    /// Whether guests count what they do.
    pub fuel: bool,
    /// Whether guests look at the engine's epoch, so that they can be stopped.
    pub epochs: bool,
}

/// All that have a name of their own. Others are one of these with `+fuel` or `+epochs`.
const NAMED: [(&str, Profile); 9] = [
    ("default", Profile::new(Default, false, false)),
    ("sandbox", Profile::new(Default, false, true)),
    ("metered", Profile::new(Default, true, true)),
    ("no-signals", Profile::new(NoSignals, false, false)),
    ("small-address-space", Profile::new(SmallAddressSpace, false, false)),
    ("deterministic", Profile::new(Deterministic, false, false)),
    ("debug", Profile::new(Base::Debug, false, false)),
    ("embedded", Profile::new(Embedded, false, false)),
    ("embedded-signals", Profile::new(EmbeddedSignals, false, false)),
];

impl Profile {
    /// What an engine has where nothing is said.
    pub const DEFAULT: Profile = Profile::new(Default, false, false);

    const fn new(base: Base, fuel: bool, epochs: bool) -> Profile {
        Profile {
            base,
            build: Build::THIS,
            fuel,
            epochs,
        }
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
        let this = self.for_build(Build::THIS);
        if let Some((name, _)) = NAMED.iter().find(|(_, known)| *known == this) {
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
    /// The same for a build that may lack what this one has; what this one lacks is missing all the same.
    pub fn for_build(self, build: Build) -> Profile {
        let build = Build {
            gc: build.gc && features::GC,
            threads: build.threads && features::THREADS,
        };
        Profile { build, ..self }
    }
    /// Whether memories take no more address space than they use.
    pub fn is_small(self) -> bool {
        matches!(self.base, SmallAddressSpace | Embedded)
    }
    /// Whether it is for hosts without an operating system.
    pub fn is_bare(self) -> bool {
        matches!(self.base, Embedded | EmbeddedSignals)
    }
    /// Whether guests give the same results everywhere.
    pub fn is_deterministic(self) -> bool {
        self.base == Deterministic
    }
    /// Whether code is to be read by people and debuggers.
    pub fn is_debug(self) -> bool {
        self.base == Base::Debug
    }
    /// Whether guests trap by signals.
    pub fn signals(self, target: &Target) -> bool {
        !matches!(self.base, NoSignals | Embedded) && !target.is_pulley()
    }
    /// How its guests are stopped, unless they are compiled without.
    pub fn interruption(self, target: &Target) -> Interruption {
        if self.epochs {
            Interruption::Epochs
        } else if self.is_bare() || self.is_debug() {
            // Who runs the one gives it no page, and for the other code stays where its debug information says.
            Interruption::None
        } else if self.signals(target) {
            Interruption::Page
        } else {
            Interruption::Flag
        }
    }
    fn gc(self) -> bool {
        self.build.gc && !self.is_bare()
    }
    /// Bytes of address space that each 32-bit memory, and each heap of a guest's objects, has to grow into without moving.
    pub fn memory_reservation(self) -> u64 {
        if self.is_small() { 0 } else { 4 << 30 }
    }

    /// Every setting of a profile on a target, by its name in Wasmtime.
    fn settings(self, target: &Target) -> Vec<(&'static str, Setting)> {
        use Setting::{Bool, Bytes, Runtime, Word};
        let reservation = self.memory_reservation();
        // Behind memories, so that most accesses need no check. Without virtual memory, and in an interpreter, there is no use for it.
        let guard = if self.is_small() || target.is_pulley() {
            0
        } else {
            32 << 20
        };
        let debug = self.is_debug();
        // The interpreter has no machine code that a debugger could read.
        let native_debug = debug && !target.is_pulley();
        vec![
            ("consume_fuel", Bool(self.fuel, Config::consume_fuel)),
            ("epoch_interruption", Bool(self.epochs, Config::epoch_interruption)),
            ("memory_reservation", Bytes(reservation, Config::memory_reservation)),
            ("memory_guard_size", Bytes(guard, Config::memory_guard_size)),
            ("memory_may_move", Bool(true, Config::memory_may_move)),
            (
                "guard_before_linear_memory",
                Bool(guard > 0, Config::guard_before_linear_memory),
            ),
            ("memory_init_cow", Bool(self.base != Embedded, Config::memory_init_cow)),
            ("table_lazy_init", Bool(true, Config::table_lazy_init)),
            (
                "signals_based_traps",
                Bool(self.signals(target), Config::signals_based_traps),
            ),
            (
                "relaxed_simd_deterministic",
                Bool(self.is_deterministic(), Config::relaxed_simd_deterministic),
            ),
            ("inlining", Word("no", |config| config.compiler_inlining(Inlining::No))),
            ("concurrency_support", Bool(false, Config::concurrency_support)),
            ("debug_native", Bool(native_debug, Config::debug_info)),
            ("debug_symbols", Bool(true, Config::debug_symbols)),
            (
                "parse_wasm_debuginfo",
                Bool(debug, |config, on| {
                    config.wasm_backtrace_details(if on {
                        WasmBacktraceDetails::Enable
                    } else {
                        WasmBacktraceDetails::Disable
                    })
                }),
            ),
            (
                "collector",
                Word(
                    if self.gc() {
                        "deferred-reference-counting"
                    } else {
                        "none"
                    },
                    gc::collector,
                ),
            ),
            ("gc_heap_reservation", Bytes(reservation, Config::gc_heap_reservation)),
            ("gc_heap_guard_size", Bytes(guard, Config::gc_heap_guard_size)),
            ("gc_heap_may_move", Bool(true, Config::gc_heap_may_move)),
            ("gc_heap_initial_size", Bytes(0, Config::gc_heap_initial_size)),
            // What follows artifacts may differ in.
            ("", Runtime(|config| config.memory_reservation_for_growth(GROWTH))),
            ("", Runtime(|config| config.gc_heap_reservation_for_growth(GROWTH))),
            ("", Runtime(|config| config.shared_memory(features::THREADS))),
            // Node forks and spawns; mach ports do not survive that.
            ("", Runtime(|config| config.macos_use_mach_ports(false))),
        ]
    }

    pub fn apply(self, config: &mut Config, target: &Target, stock: bool) {
        for (_, setting) in self.settings(target) {
            match setting {
                Setting::Bool(on, set) => set(config, on),
                Setting::Bytes(n, set) => set(config, n),
                Setting::Word(_, set) | Setting::Runtime(set) => set(config),
            };
        }
        for (proposal, on) in self.proposals(target, stock) {
            config.wasm_features(proposal, on);
        }
    }

    /// Name and value of each setting that an artifact must have in common with the engine that loads it.
    pub fn compared(self, target: &Target) -> Vec<(String, String)> {
        let text = |setting| match setting {
            Setting::Bool(on, _) => Some(on.to_string()),
            Setting::Bytes(n, _) => Some(n.to_string()),
            Setting::Word(word, _) => Some(word.to_owned()),
            Setting::Runtime(_) => None,
        };
        let named = |(name, setting)| Some((camel(name), text(setting)?));
        self.settings(target).into_iter().filter_map(named).collect()
    }

    /// Names of the proposals that are on.
    pub fn features(self, target: &Target, stock: bool) -> Vec<String> {
        let mut all = WasmFeatures::empty();
        for (proposal, on) in self.proposals(target, stock) {
            all.set(proposal, on);
        }
        all.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    /// Every proposal Wasmtime knows, and whether it is on. An artifact loads where all that it was compiled with are on. `stock`
    /// is for exchange with those who have set none.
    fn proposals(self, target: &Target, stock: bool) -> [(WasmFeatures, bool); 18] {
        let gc = self.gc();
        let threads = self.build.threads && !self.is_deterministic() && !self.is_bare() && !target.is_pulley();
        [
            (WasmFeatures::WASM2, true),
            (WasmFeatures::EXTENDED_CONST, true),
            (WasmFeatures::TAIL_CALL, true),
            (WasmFeatures::MULTI_MEMORY, true),
            (WasmFeatures::MEMORY64, true),
            (WasmFeatures::RELAXED_SIMD, true),
            (WasmFeatures::THREADS, threads),
            (WasmFeatures::GC_TYPES, gc),
            // Its encodings are what compilers write today, also where there are no references but to functions.
            (WasmFeatures::REFERENCE_TYPES, true),
            (WasmFeatures::FUNCTION_REFERENCES, gc),
            (WasmFeatures::GC, gc),
            (WasmFeatures::EXCEPTIONS, gc),
            (WasmFeatures::CUSTOM_PAGE_SIZES, !stock),
            (WasmFeatures::WIDE_ARITHMETIC, !stock),
            (WasmFeatures::STACK_SWITCHING, false),
            (WasmFeatures::SHARED_EVERYTHING_THREADS, false),
            (WasmFeatures::COMPONENT_MODEL, stock),
            (WasmFeatures::LEGACY_EXCEPTIONS, false),
        ]
    }
}

/// A setting's value, and what sets it.
enum Setting {
    Bool(bool, fn(&mut Config, bool) -> &mut Config),
    Bytes(u64, fn(&mut Config, u64) -> &mut Config),
    Word(&'static str, fn(&mut Config) -> &mut Config),
    /// Of running alone.
    Runtime(fn(&mut Config) -> &mut Config),
}
