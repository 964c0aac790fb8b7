//! `Config`: the options of an engine. Groups that need a feature are read by the file of that feature.

use std::fmt;

use wasmtime::ModuleVersionStrategy;

use crate::error::{Error, Result};
use crate::features::{self, WASMTIME_VERSION};
use crate::js::Js;
use crate::options::{Options, known};
use crate::profile::Profile;
use crate::target::Target;
use crate::{cache, compiler, pooling};
use napi_derive::napi;

/// How an engine compiles and runs. `profile` decides which artifacts it can load; the other members here do not.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct Config {
    /// A named set of all settings that decide whether a `.cwasm` loads: `default` (fastest), `sandbox` (with epochs, so
    /// that guests which compute give others their turn), `metered` (with fuel and epochs), `no-signals` (guests trap by checks in their code, where
    /// a program wants SIGSEGV and the like for itself), `small-address-space` (for hosts with little of it, such as
    /// `ulimit -v`: memories take no more than they use, and have no zero-copy `buffer`), `deterministic` (the same results on
    /// every machine: NaNs, relaxed SIMD, no threads), `debug` (native debug information, code that is not optimised),
    /// `embedded` (for hosts without an operating system: no signals, no virtual memory, no GC and no threads) or
    /// `embedded-signals` (the same for those that have virtual memory and tell of faults). All but the first three may be
    /// followed by `+fuel`, `+epochs` or both. An artifact loads where the profile is the same. Default `default`.
    #[napi(ts_type = "ProfileName")]
    pub profile: Option<String>,
    /// Whether guests look at the engine's epoch, so that they give others their turn in `callAsync` (and can be stopped, which the
    /// checks of other profiles are for too, at less cost). Part of the profile: `default` with epochs is `sandbox`. Default: as the profile says.
    pub epochs: Option<bool>,
    /// Whether guests use fuel. Part of the profile: `sandbox` with fuel is `metered`. Default: as the profile says.
    pub fuel: Option<bool>,
    /// What the engine runs: `pulley64` for Wasmtime's interpreter, whose artifacts are the same for all machines (needs the
    /// feature `pulley`), or the target triple of this machine, which is the default.
    pub target: Option<String>,
    /// What an artifact is stamped with, and must be stamped with to load. `exact` is the exact version of Wasmtime and the profile;
    /// `wasmtime` the major version alone, as stock Wasmtime does, for exchange with `wasmtime compile` (docs/artifacts.md says
    /// with which settings); anything else is a stamp of your own. Default `exact`.
    #[napi(ts_type = "'exact' | 'wasmtime' | (string & {})")]
    pub module_version: Option<String>,
    /// The oldest Wasmtime whose code is run, as `48.0.8`: a fix in the compiler does not reach artifacts that were made before
    /// it. Default: the last version in which such a fix was made.
    pub minimum_compiler_version: Option<String>,
    /// Bytes of stack that one call from outside may use, all wasm and host frames of it together. Beyond, the guest
    /// traps with `stackOverflow`; where the thread has less left, the call is a `RangeError`. Default 524288, at most 4 MiB.
    pub max_wasm_stack: Option<f64>,
    /// The compiler. Needs the feature `cranelift`.
    #[napi(ts_type = "CompilerConfig")]
    pub compiler: Option<Js>,
    /// Keep compiled modules on disk and find them again: `true` for Wasmtime's default directory, or where to keep them.
    /// Needs the feature `cache`.
    #[napi(ts_type = "boolean | CacheConfig")]
    pub cache: Option<Js>,
    /// Instances in slots set aside in advance: instantiation takes half the time, and there is a ceiling for the whole
    /// engine. `true` for Wasmtime's defaults. Needs the feature `pooling-allocator`, and another profile than
    /// `small-address-space`.
    #[napi(ts_type = "boolean | PoolingConfig")]
    pub pooling: Option<Js>,
}
known!(Config {
    profile,
    epochs,
    fuel,
    target,
    module_version,
    minimum_compiler_version,
    max_wasm_stack,
    compiler,
    cache,
    pooling
});

/// The first version without the holes in Cranelift that are known. An update of Wasmtime for an advisory that says "recompile"
/// raises it (CONTRIBUTING.md).
const SOUND: Version = Version([48, 0, 0]);

/// A version of Wasmtime.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl Version {
    pub fn parse(text: &str) -> Option<Version> {
        // A number may begin with '+' for Rust.
        let number = |part: &str| part.parse().ok().filter(|_| !part.starts_with('+'));
        let mut parts = text.split('.').map(number);
        let version = Version([parts.next()??, parts.next()??, parts.next()??]);
        parts.next().is_none().then_some(version)
    }
}
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// What artifacts are stamped with.
#[derive(Clone, PartialEq, Eq)]
pub enum ModuleVersion {
    Exact,
    Wasmtime,
    Custom(String),
}

impl ModuleVersion {
    fn read(options: &Options<Config>) -> Result<ModuleVersion> {
        let text = options.string("module_version")?;
        Ok(match text.as_deref() {
            None | Some("exact") => ModuleVersion::Exact,
            // As `run` reads it from a stamp, too.
            Some(text) if text == "wasmtime" || text == ModuleVersion::Wasmtime.stamp(Profile::DEFAULT) => {
                ModuleVersion::Wasmtime
            }
            Some(text) if text.is_empty() || text.len() > 255 || text.contains('+') => {
                let message =
                    "config.moduleVersion must be 1 to 255 bytes without a '+', which is for stamps of 'exact'";
                return Err(Error::type_error(message).into());
            }
            Some(text) => ModuleVersion::Custom(text.into()),
        })
    }
    /// What stands in an artifact's version field, and must be the same where it is loaded. Wasmtime's own check is of the
    /// major version alone, yet layouts have changed inside one.
    pub fn stamp(&self, profile: Profile) -> String {
        match self {
            ModuleVersion::Exact => format!("{WASMTIME_VERSION}+{}", profile.name()),
            ModuleVersion::Wasmtime => WASMTIME_VERSION.split('.').next().unwrap_or("").into(),
            ModuleVersion::Custom(text) => text.clone(),
        }
    }
}

/// A `Config` as it was read, from which a Wasmtime config can be made as often as one is needed.
#[derive(Clone)]
pub struct Settings {
    pub profile: Profile,
    pub target: Target,
    pub max_wasm_stack: usize,
    pub module_version: ModuleVersion,
    minimum: Version,
    pub compiler: compiler::Settings,
    /// Looked at where something is compiled.
    pub cache: cache::Settings,
    pooling: pooling::Settings,
}

impl Settings {
    pub fn read(config: Js) -> Result<Settings> {
        let options = Options::<Config>::new(config, "config")?;
        let (profile, pool) = (Profile::read(&options)?, options.get("pooling")?);
        let pooling = pooling::Settings::read(pool)?;
        if profile.is_small() && !pool.is_undefined() && !matches!(pool.to_bool(""), Ok(false)) {
            let message = format!(
                "config.pooling sets address space aside, of which the profile '{}' takes none",
                profile.name()
            );
            return Err(Error::type_error(message).into());
        }
        let settings = Settings {
            profile,
            target: Settings::read_target(&options)?,
            max_wasm_stack: options.number("max_wasm_stack", 4 << 20)?.unwrap_or(512 << 10) as usize,
            module_version: ModuleVersion::read(&options)?,
            minimum: Settings::read_minimum(&options)?,
            compiler: compiler::Settings::read(options.get("compiler")?, profile)?,
            cache: cache::Settings::read(options.get("cache")?)?,
            pooling,
        };
        settings.for_target(settings.target.clone())
    }

    fn read_target(options: &Options<Config>) -> Result<Target> {
        let Some(name) = options.string("target")? else {
            return Ok(Target::host());
        };
        let target = Target::read(&name, "config.target")?;
        if target.is_pulley() && !features::PULLEY {
            return Err(features::absent("pulley", "config.target"));
        }
        if !target.runs_here() {
            let message = format!(
                "config.target must be '{}', which this machine runs, or 'pulley64', got '{name}'; to compile for another \
                 machine use engine.precompile(wasm, {{ target }})",
                Target::host()
            );
            return Err(Error::type_error(message).into());
        }
        // Whatever its C library: Wasmtime wants the very triple of the build.
        Ok(if target.is_pulley() { target } else { Target::host() })
    }

    fn read_minimum(options: &Options<Config>) -> Result<Version> {
        let Some(text) = options.string("minimum_compiler_version")? else {
            return Ok(SOUND);
        };
        Version::parse(&text).ok_or_else(|| {
            let message = format!("config.minimumCompilerVersion must be like '{WASMTIME_VERSION}', got '{text}'");
            Error::type_error(message).into()
        })
    }

    /// The same for another target, if the profile can do without what that lacks.
    pub fn for_target(&self, target: Target) -> Result<Settings> {
        let profile = self.profile;
        let wrong = |why: &str, names: &str| {
            let name = profile.name();
            let message = format!("the target {target} has {why}: the profile must be {names}, not '{name}'");
            Err(Error::type_error(message).into())
        };
        if target.is_bare() && !profile.is_bare() {
            return wrong("no operating system", "'embedded' or 'embedded-signals'");
        }
        if target.is_32_bit() && !profile.is_small() {
            return wrong("too little address space", "'embedded' or 'small-address-space'");
        }
        Ok(Settings { target, ..self.clone() })
    }

    pub fn stamp(&self) -> String {
        self.module_version.stamp(self.profile)
    }
    /// Whether artifacts are exchanged with those who have set nothing.
    fn is_stock(&self) -> bool {
        self.module_version == ModuleVersion::Wasmtime
    }
    /// The oldest version whose code is run, where `found` is older. Where it is not known, the stamp has to do, unless somebody
    /// wants more than that says.
    pub fn minimum_for(&self, found: Option<Version>) -> Option<Version> {
        let enough = match found {
            Some(found) => found >= self.minimum,
            None => self.minimum <= SOUND,
        };
        (!enough).then_some(self.minimum)
    }

    /// Name and value of each setting that an artifact must have in common with the engine that loads it.
    pub fn compared(&self) -> Vec<(String, String)> {
        let mut all = self.profile.compared(&self.target);
        all.push((
            "features".into(),
            self.profile.features(&self.target, self.is_stock()).join(","),
        ));
        all
    }
    /// What an artifact says of the engine that made it.
    pub fn lines(&self) -> Vec<(String, String)> {
        let mut lines = vec![
            ("wasmtime".into(), WASMTIME_VERSION.into()),
            ("profile".into(), self.profile.name()),
            ("target".into(), self.target.to_string()),
        ];
        lines.extend(self.compared());
        lines
    }

    /// All but what is about running: the same for compiling in process and ahead of time.
    pub fn to_config(&self) -> Result<wasmtime::Config> {
        let mut config = wasmtime::Config::new();
        let version = match &self.module_version {
            ModuleVersion::Wasmtime => ModuleVersionStrategy::WasmtimeVersion,
            _ => ModuleVersionStrategy::Custom(self.stamp()),
        };
        config
            .module_version(version)
            .expect("a stamp is shorter than 256 bytes");
        if self.target.is_pulley() {
            config
                .target(&self.target.to_string())
                .map_err(crate::engine::refused)?;
        }
        self.profile.apply(&mut config, &self.target, self.is_stock());
        config.max_wasm_stack(self.max_wasm_stack);
        // A fiber's stack holds the guest's part and what host functions need on top.
        config.async_stack_size(self.max_wasm_stack + (1536 << 10));
        self.compiler.apply(&mut config);
        self.cache.apply(&mut config)?;
        self.pooling.apply(&mut config);
        Ok(config)
    }
}
