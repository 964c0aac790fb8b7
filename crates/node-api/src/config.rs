//! `Config`: the options of an engine. Groups that need a feature are read by the file of that feature.

use crate::error::{Error, Result};
use crate::js::Js;
use crate::options::{Options, known};
use crate::profile::Profile;
use crate::{cache, compiler, pooling};
use napi_derive::napi;

/// How an engine compiles and runs. `profile` decides which artifacts it can load; the other members here do not.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct Config {
    /// A named set of all settings that decide whether a `.cwasm` loads: `default` (fastest), `sandbox` (with epochs, so
    /// that a guest can be stopped), `metered` (with fuel and epochs), `no-signals` (guests trap by checks in their code, where
    /// a program wants SIGSEGV and the like for itself) or `small-address-space` (for hosts with little of it, such as
    /// `ulimit -v`: memories take no more than they use, and have no zero-copy `buffer`). The last two may be followed by
    /// `+fuel`, `+epochs` or both. An artifact loads where the profile is the same. Default `default`.
    #[napi(ts_type = "ProfileName")]
    pub profile: Option<String>,
    /// Whether guests look at the engine's epoch, so that they can be stopped: `timeoutMs` and `signal` need it. Part of the
    /// profile: `default` with epochs is `sandbox`. Default: as the profile says.
    pub epochs: Option<bool>,
    /// Whether guests use fuel. Part of the profile: `sandbox` with fuel is `metered`. Default: as the profile says.
    pub fuel: Option<bool>,
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
    max_wasm_stack,
    compiler,
    cache,
    pooling
});

/// A `Config` as it was read, from which a Wasmtime config can be made as often as one is needed.
#[derive(Clone)]
pub struct Settings {
    pub profile: Profile,
    pub max_wasm_stack: usize,
    compiler: compiler::Settings,
    cache: cache::Settings,
    pooling: pooling::Settings,
}

impl Settings {
    pub fn read(config: Js) -> Result<Settings> {
        let options = Options::<Config>::new(config, "config")?;
        let (profile, pool) = (Profile::read(&options)?, options.get("pooling")?);
        let pooling = pooling::Settings::read(pool)?;
        if profile.is_small() && !pool.is_undefined() && !matches!(pool.to_bool(""), Ok(false)) {
            let message =
                "config.pooling sets address space aside, of which the profile 'small-address-space' takes none";
            return Err(Error::type_error(message).into());
        }
        Ok(Settings {
            profile,
            max_wasm_stack: options.number("max_wasm_stack", 4 << 20)?.unwrap_or(512 << 10) as usize,
            compiler: compiler::Settings::read(options.get("compiler")?)?,
            cache: cache::Settings::read(options.get("cache")?)?,
            pooling,
        })
    }

    /// All but what is about running: the same for compiling in process and ahead of time.
    pub fn to_config(&self) -> Result<wasmtime::Config> {
        let mut config = wasmtime::Config::new();
        self.profile.apply(&mut config);
        config.max_wasm_stack(self.max_wasm_stack);
        // A fiber's stack holds the guest's part and what host functions need on top.
        config.async_stack_size(self.max_wasm_stack + (1536 << 10));
        self.compiler.apply(&mut config);
        self.cache.apply(&mut config)?;
        self.pooling.apply(&mut config);
        Ok(config)
    }
}
