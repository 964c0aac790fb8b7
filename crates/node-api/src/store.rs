//! [`Store`]. What is behind it is in `store_core.rs`.

use std::rc::Rc;
use std::time::Duration;

use napi::bindgen_prelude::This;
use napi_derive::napi;

use crate::env::EnvData;
use crate::error::{Error, Failure, Result, guard};
use crate::js::{Js, constructing};
use crate::limits::Limits;
use crate::options::{Options, known};
use crate::store_core::Core;
use crate::{deadline, wasi};

/// What a store is made with.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct StoreOptions {
    /// What its guests may take.
    #[napi(ts_type = "StoreLimits")]
    pub limits: Option<crate::js::Js>,
    /// Fuel to start with; needs an engine with fuel (profile `metered`). Default: as much as there is.
    #[napi(ts_type = "bigint")]
    pub fuel: Option<u64>,
    /// Milliseconds that each call from outside may last, all that happens inside of it included: host functions, what they
    /// call, waiting in WASI; start functions too. Beyond, the guest ends with `DeadlineError`. What nothing can stop
    /// (compiled with `compiler.interruptible: false`, the profiles `debug` and `embedded`, stock Wasmtime) throws
    /// `IncompatibleModuleError` when it is instantiated. Default: no end.
    pub timeout_ms: Option<f64>,
    /// What WASI grants its guests. Default: nothing.
    #[napi(ts_type = "WasiOptions")]
    pub wasi: Option<crate::js::Js>,
}
known!(StoreOptions {
    limits,
    fuel,
    timeout_ms,
    wasi
});

impl StoreOptions {
    /// The facade (lib/store-options.ts) reads them, as a store may be made for each request. What is unusual, or wrong, it gives
    /// back, to be read here; else the fuel.
    fn read(options: Js) -> Result<(Limits, Option<Duration>, Option<u64>, Js)> {
        if options.is_undefined() {
            return Ok((Limits::default(), None, None, options));
        }
        let (env, data) = (options.env, EnvData::of(options.env)?);
        let read = data.call(env, "readStoreOptions", &[options.to_object("options")?])?;
        if !read.is_object() {
            // SAFETY: the slots are always initialized, and nothing has run since the facade wrote them.
            let [trap, timeout, numbers @ ..] = unsafe { *data.slots().cast::<[[f64; 2]; 7]>() };
            let limits = Limits::of(numbers.map(|slot| slot[0]), trap[0] == 1.0);
            let fuel = (!read.is_undefined()).then(|| read.to_biguint("options.fuel"));
            return Ok((
                limits,
                deadline::of_ms(timeout[0]),
                fuel.transpose()?,
                Js::undefined(env)?,
            ));
        }
        let options = Options::<StoreOptions>::new(read, "options")?;
        let limits = Limits::read(options.get("limits")?)?;
        let fuel = options
            .some("fuel")?
            .map(|fuel| fuel.to_biguint("options.fuel"))
            .transpose()?;
        let timeout = deadline::read(options.get("timeout_ms")?, "options.timeoutMs")?;
        Ok((limits, timeout, fuel, options.get("wasi")?))
    }
}

/// Where guests live: instances, memories, tables, globals and functions belong to one store, and are freed with it.
///
/// A store and all that belongs to it is bound to the thread it was made on. Objects of another store are refused with
/// `TypeError`. One store per request or task is the usual way: stores are cheap (microseconds), and what is in them is
/// freed only together.
///
/// @example
/// ```ts
/// const store = new Store(engine, { limits: { memoryBytes: 64 << 20 } })
/// const instance = new Instance(store, module, { env: { log: console.log } })
/// instance.exports.run()
/// store.dispose()
/// ```
#[napi]
pub struct Store {
    pub(crate) core: Rc<Core>,
}

#[napi]
impl Store {
    /// Makes an empty store. `options.fuel` needs an engine with fuel (profile `metered`): without the option such a store
    /// has as much fuel as there is.
    ///
    /// Throws `TypeError` for options that are unknown or of the wrong type, `FeatureUnavailableError` for `wasi` in a build
    /// without it.
    #[napi(constructor, ts_args_type = "engine: Engine, options?: StoreOptions")]
    pub fn new(this: This<Js>, engine: Js, options: Js) -> napi::Result<Self> {
        let env = engine.env;
        guard(env, || {
            constructing::<Store>(this.object)?;
            let (limits, timeout, fuel, wasi) = StoreOptions::read(options)?;
            let (wasi, callbacks) = wasi::State::read(wasi)?;
            let core = Core::new(env, engine.class("engine")?, limits, wasi)?;
            core.set_timeout(timeout);
            if let Some(fuel) = fuel {
                core.enter(|mut context| context.set_fuel(fuel))?.map_err(no_fuel)?;
            }
            core.bind(this.object, engine)?;
            callbacks.bind(&core)?;
            Ok(Store { core })
        })
    }

    /// The engine this store was made with.
    #[napi(getter, ts_return_type = "Engine")]
    pub fn engine(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || self.core.table()?.get("engine"))
    }

    /// Fuel left. Each wasm instruction costs about one; at 0 the guest traps with `OutOfFuelError`. May be set at any time,
    /// also by a host function.
    ///
    /// Throws `TypeError` where the engine's profile has no fuel.
    #[napi(getter, ts_return_type = "bigint")]
    pub fn fuel(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            let fuel = self.core.enter(|context| context.get_fuel())?.map_err(no_fuel)?;
            Js::biguint(env.raw(), fuel)
        })
    }
    #[napi(setter, js_name = "fuel", ts_args_type = "fuel: bigint")]
    pub fn set_fuel(&self, fuel: Js) -> napi::Result<()> {
        guard(fuel.env, || {
            let amount = fuel.to_biguint("fuel")?;
            self.core
                .enter(|mut context| context.set_fuel(amount))?
                .map_err(no_fuel)
        })
    }

    /// Milliseconds that each call from outside may last, or undefined: see `StoreOptions`. Holds for calls that begin after
    /// it was set.
    ///
    /// Setting throws `RangeError` for what is not above 0.
    #[napi(getter, ts_return_type = "number | undefined")]
    pub fn timeout_ms(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            self.core.usable()?;
            match self.core.timeout.get() {
                Some(timeout) => Js::number(env.raw(), timeout.as_micros() as f64 / 1000.0),
                None => Js::undefined(env.raw()),
            }
        })
    }
    #[napi(setter, js_name = "timeoutMs", ts_args_type = "timeout: number | undefined")]
    pub fn set_timeout_ms(&self, timeout: Js) -> napi::Result<()> {
        guard(timeout.env, || {
            self.core.usable()?;
            self.core.set_timeout(deadline::read(timeout, "timeoutMs")?);
            Ok(())
        })
    }

    /// The limits in force: what was asked for, and Wasmtime's defaults for counts. Setting them replaces all; what exists
    /// already stays.
    #[napi(getter, ts_return_type = "StoreLimits")]
    pub fn limits(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            self.core
                .enter(|context| context.data().limits.limits.clone())?
                .to_js(env.raw())
        })
    }
    #[napi(setter, js_name = "limits", ts_args_type = "limits: StoreLimits")]
    pub fn set_limits(&self, limits: Js) -> napi::Result<()> {
        guard(limits.env, || {
            let limits = Limits::read(limits.to_object("limits")?)?;
            self.core.enter(|mut context| context.data_mut().limits.limits = limits)
        })
    }

    /// Frees the store and all that belongs to it now, instead of when the garbage collector finds out. Memory views become
    /// empty (detached), and later use throws `ClosedError`. Disposing twice does nothing.
    ///
    /// Throws `StoreBusyError` from inside a host function of this store.
    #[napi]
    pub fn dispose(&self, env: napi::Env) -> napi::Result<()> {
        guard(env.raw(), || self.core.dispose())
    }

    /// Whether `dispose()` was called.
    #[napi(getter)]
    pub fn disposed(&self, env: napi::Env) -> napi::Result<bool> {
        guard(env.raw(), || Ok(self.core.closed()))
    }
}

fn no_fuel(_: wasmtime::Error) -> Failure {
    Error::type_error("this store's engine counts no fuel: make it with { fuel: true } (profile 'metered')").into()
}
