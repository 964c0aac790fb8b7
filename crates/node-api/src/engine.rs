//! [`Engine`]: settings, the compiler, and what all stores made with it share.

use std::sync::Arc;

use napi::bindgen_prelude::This;
use napi_derive::napi;

use crate::config::Settings;
use crate::error::{Error, Result, guard};
use crate::js::{Js, constructing};
use crate::profile::Profile;
use crate::ticker::Pace;
use crate::{share, signals, wasi};

/// What stores and modules keep of their engine.
pub struct EngineParts {
    pub engine: wasmtime::Engine,
    pub settings: Settings,
    pub wasi: wasi::Functions,
    /// Its ticks for guests that take turns.
    pace: Pace,
}

impl EngineParts {
    pub fn new(engine: wasmtime::Engine, settings: Settings) -> EngineParts {
        EngineParts {
            engine,
            settings,
            wasi: wasi::Functions::default(),
            pace: Pace::default(),
        }
    }
    /// Called when a guest goes on that gives others their turn.
    #[allow(dead_code, reason = "for builds with fibers")]
    pub fn pace(&self) -> Result<()> {
        match self.profile().epochs {
            true => self.pace.keep(&self.engine),
            false => Ok(()),
        }
    }
    pub fn profile(&self) -> Profile {
        self.settings.profile
    }
}

/// Settings, and the compiler where the build has one. Modules and stores are made with an engine and work together only
/// with the same one. One engine for a program is the usual way.
///
/// @example
/// ```ts
/// const engine = new Engine({ profile: 'metered' })
/// const artifact = engine.precompileSync(wasm) // with the full package, in CI
/// const module = Module.deserialize(engine, artifact) // with either
/// ```
#[napi]
pub struct Engine {
    pub(crate) parts: Arc<EngineParts>,
    /// A place among what threads share, once it was asked for.
    pub(crate) shared: share::Place,
}

impl Engine {
    pub fn of(parts: Arc<EngineParts>) -> Engine {
        Engine {
            parts,
            shared: share::Place::default(),
        }
    }
}

#[napi]
impl Engine {
    /// Makes an engine. Throws `TypeError` for unknown or wrong options, `FeatureUnavailableError` for a group of options
    /// this build has no code for.
    #[napi(constructor, ts_args_type = "config?: Config")]
    pub fn new(this: This<Js>, config: Js) -> napi::Result<Self> {
        guard(config.env, || {
            constructing::<Engine>(this.object)?;
            let settings = Settings::read(config)?;
            let engine = make(&settings, &settings.to_config()?)?;
            Ok(Engine::of(Arc::new(EngineParts::new(engine, settings))))
        })
    }

    /// The name of the profile, which is also stamped into artifacts; what `epochs` and `fuel` have changed is in it.
    #[napi(getter)]
    pub fn profile(&self, env: napi::Env) -> napi::Result<String> {
        guard(env.raw(), || Ok(self.parts.profile().name()))
    }

    /// The target triple that this engine runs: this machine's, or `pulley64`.
    #[napi(getter)]
    pub fn target(&self, env: napi::Env) -> napi::Result<String> {
        guard(env.raw(), || Ok(self.parts.settings.target.to_string()))
    }
}

/// Wasmtime's engine of a config that was made of these settings.
pub fn make(settings: &Settings, config: &wasmtime::Config) -> Result<wasmtime::Engine> {
    if settings.profile.signals(&settings.target) {
        signals::engine(config)
    } else {
        wasmtime::Engine::new(config).map_err(refused)
    }
}

/// Settings that Wasmtime won't have.
pub fn refused(error: wasmtime::Error) -> crate::error::Failure {
    Error::type_error(format!("config: {error:#}")).into()
}

/// Refuses a module or a store of another engine: Wasmtime would panic.
pub fn same_engine(a: &EngineParts, b: &wasmtime::Engine, what: &str) -> Result<()> {
    if wasmtime::Engine::same(&a.engine, b) {
        return Ok(());
    }
    Err(Error::type_error(format!("{what} belongs to another engine")).into())
}
