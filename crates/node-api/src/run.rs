//! [feature `wasi`] Running a WASI command: what is under the facade's `run` and `runSync` (lib/run.ts).

use std::sync::Arc;
use std::time::{Duration, Instant};

use napi::sys;
use napi_derive::napi;

use crate::deadline::{self, Timed};
use crate::engine::EngineParts;
use crate::error::{Error, Result, guard};
use crate::js::Js;
use crate::limits::{Limiter, Limits};
use crate::module::Module;
use crate::store_core::{Data, Owner, new_store};
use crate::{preview1, task, trap, wasi};

/// A guest with all it needs, in a store without JavaScript: it may run on any thread.
struct Command {
    store: wasmtime::Store<Data>,
    module: wasmtime::Module,
    fuel: Option<u64>,
    timeout: Option<Duration>,
}

/// How a command ended.
struct Outcome {
    exit_code: i32,
    stdout: Option<Vec<u8>>,
    stderr: Option<Vec<u8>>,
    fuel_consumed: Option<u64>,
}

impl Command {
    /// `wasi` and `limits` are options objects, `fuel` a bigint or `undefined`, `timeout` milliseconds or `undefined`.
    fn read(module: Js, wasi: Js, limits: Js, fuel: Js, timeout: Js) -> Result<Command> {
        let module = module.class::<Module>("source")?;
        let engine: &Arc<EngineParts> = &module.engine;
        let wasi = wasi::State::read_for_run(wasi)?;
        let limits = Limiter::new(Limits::read(limits)?, Owner::NONE);
        let mut store = new_store(
            engine,
            Data {
                core: Owner::NONE,
                limits,
                wasi,
                deadline: None,
            },
        )?;
        let mut given = None;
        if !fuel.is_undefined() {
            let amount = fuel.to_biguint("options.fuel")?;
            store.set_fuel(amount).map_err(|_| {
                Error::type_error(format!(
                    "fuel needs the profile 'metered', this module has '{}'",
                    engine.profile().name()
                ))
            })?;
            given = Some(amount);
        } else if engine.profile().fuel() {
            given = Some(u64::MAX);
        }
        let timeout = deadline::read(timeout, "options.timeoutMs")?;
        if timeout.is_some() {
            deadline::needs_brake(engine)?;
        }
        Ok(Command {
            timeout,
            store,
            module: module.module.clone(),
            fuel: given,
        })
    }

    fn run(mut self) -> Result<Outcome> {
        let mut linker = wasmtime::Linker::new(self.store.engine());
        preview1::add_to_linker(&mut linker).map_err(trap::failure)?;
        let timed = self.timeout.map(|_| Timed::new(self.store.engine())).transpose()?;
        if let Some(timeout) = self.timeout {
            self.store.data_mut().deadline = Instant::now().checked_add(timeout);
            self.store.set_epoch_deadline(1);
        }
        let ended = self.start(&linker);
        drop(timed);
        let exit_code = match ended {
            Ok(()) => 0,
            Err(error) => match wasi::exit_code(&error) {
                Some(code) => code,
                None => return Err(trap::failure(error)),
            },
        };
        let (stdout, stderr) = self.store.data().wasi.output();
        let left = self.store.get_fuel().unwrap_or(0);
        Ok(Outcome {
            exit_code,
            stdout,
            stderr,
            fuel_consumed: self.fuel.map(|given| given - left),
        })
    }

    fn start(&mut self, linker: &wasmtime::Linker<Data>) -> wasmtime::Result<()> {
        let instance = linker.instantiate(&mut self.store, &self.module)?;
        let Some(start) = instance.get_func(&mut self.store, "_start") else {
            let message = "the module has no function '_start': it is no WASI command";
            return Err(trap::error(Error::new("LinkError", message).with("name", "_start")));
        };
        let Ok(start) = start.typed::<(), ()>(&self.store) else {
            let found = crate::sig::Sig::new(&start.ty(&self.store)).text.clone();
            let message =
                format!("the function '_start' of a WASI command takes and returns nothing, this one is {found}");
            let error = Error::new("LinkError", message)
                .with("name", "_start")
                .with("expected", ":")
                .with("found", found);
            return Err(trap::error(error));
        };
        start.call(&mut self.store, ())
    }
}

impl Outcome {
    fn to_js(&self, env: sys::napi_env) -> Result<Js> {
        let object = Js::object(env)?;
        object.set("exitCode", Js::number(env, self.exit_code.into())?)?;
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if let Some(bytes) = bytes {
                object.set(name, Js::buffer(env, bytes)?)?;
            }
        }
        if let Some(fuel) = self.fuel_consumed {
            object.set("fuelConsumed", Js::biguint(env, fuel)?)?;
        }
        Ok(object)
    }
}

/// Runs a command off the JavaScript thread.
#[napi(skip_typescript)]
pub fn run_command(module: Js, wasi: Js, limits: Js, fuel: Js, timeout: Js) -> napi::Result<Js> {
    let env = module.env;
    task::promise(env, || {
        let command = Command::read(module, wasi, limits, fuel, timeout)?;
        task::spawn(env, move || command.run(), |env, outcome| outcome.to_js(env))
    })
}

/// Runs a command on the JavaScript thread.
#[napi(skip_typescript)]
pub fn run_command_sync(module: Js, wasi: Js, limits: Js, fuel: Js, timeout: Js) -> napi::Result<Js> {
    let env = module.env;
    guard(env, || {
        Command::read(module, wasi, limits, fuel, timeout)?.run()?.to_js(env)
    })
}
