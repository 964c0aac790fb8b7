//! [feature `wasi`] Running a WASI command: what is under the facade's `run` and `runSync` (lib/run.ts).

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use napi::sys;
use napi_derive::napi;
use wasmtime::AsContextMut;

use crate::brake::{Brake, Lever, Stop, Worker};
use crate::bytes::Bytes;
use crate::engine::{Engine, EngineParts};
use crate::env::EnvData;
use crate::error::{Error, Failure, Result, guard};
use crate::interruption::Interruption;
use crate::js::Js;
use crate::limits::{Limiter, Limits};
use crate::module::{Module, load, load_file, shared_growth};
use crate::page::Page;
use crate::run_imports::Imports;
use crate::store_core::{Data, Owner, new_store};
use crate::task::Pool;
use crate::ticker::{TICK, Ticks};
use crate::wasi::{State, Streamed};
use crate::{deadline, limits, signals, task, trap, wasi};

/// A guest with all it needs, in a store without JavaScript: it may run on any thread.
struct Command {
    /// What the facade calls the run.
    number: u32,
    store: wasmtime::Store<Data>,
    /// What its checks read, if it has some.
    page: Option<Arc<Page>>,
    engine: Arc<EngineParts>,
    /// Where it imports more than WASI, if only for its checks.
    linker: Option<wasmtime::Linker<Data>>,
    module: wasmtime::Module,
    shared_growth: u64,
    fuel: Option<u64>,
    timeout: Option<Duration>,
    stop: Arc<Stop>,
}

/// What is to be run.
struct Source {
    module: wasmtime::Module,
    shared_growth: u64,
    engine: Arc<EngineParts>,
}

impl Source {
    /// A module, or an artifact with its engine (lib/source.ts).
    fn read(source: Js) -> Result<Source> {
        if let Ok(module) = source.class::<Module>("source") {
            return Ok(Source {
                module: module.module.clone(),
                shared_growth: module.shared_growth,
                engine: module.engine.clone(),
            });
        }
        let engine = source.get("engine")?.class::<Engine>("engine")?.parts.clone();
        let artifact = source.get("artifact")?;
        let module = if artifact.is_string() {
            load_file(&engine, &artifact.to_str("source")?)?
        } else {
            load(&engine, &Bytes::read(artifact, "source")?)?
        };
        Ok(Source {
            shared_growth: shared_growth(&module),
            module,
            engine,
        })
    }
}

/// How a command ended.
struct Outcome {
    exit_code: i32,
    stdout: Option<Vec<u8>>,
    stderr: Option<Vec<u8>>,
    fuel_consumed: Option<u64>,
}

impl Command {
    /// What the facade asks for (lib/run.ts, `Request`); `worker` is the thread it will run on, if that may be ended, `away` says
    /// that it is another than JavaScript's.
    fn read(request: Js, away: bool, worker: Option<Worker>) -> Result<Command> {
        let source = Source::read(request.get("source")?)?;
        let number = request.get("number")?.to_u32("number")?;
        let streamed = Streamed(request.get("streamed")?.to_u32("streamed")?);
        let wasi = State::read_for_run(request.get("wasi")?, number, streamed, away)?;
        let (limits, fuel) = (request.get("limits")?, request.get("fuel")?);
        let timeout = request.get("timeoutMs")?;
        let engine = &source.engine;
        let limits = Limiter::new(Limits::read(limits)?, Owner::NONE);
        let stop = Stop::new();
        let mut store = new_store(
            engine,
            Data {
                core: Owner::NONE,
                limits,
                wasi,
                brake: Brake::new(worker, Some(stop.clone())),
                page: Default::default(),
            },
        )?;
        let mut given = None;
        if !fuel.is_undefined() {
            let amount = fuel.to_biguint("options.fuel")?;
            store.set_fuel(amount).map_err(|_| {
                Error::type_error(format!(
                    "fuel needs the profile '{}', this module has '{}'",
                    engine.profile().with_fuel().name(),
                    engine.profile().name()
                ))
            })?;
            given = Some(amount);
        } else if engine.profile().fuel {
            given = Some(u64::MAX);
        }
        let timeout = deadline::read(timeout, "options.timeoutMs")?;
        let interruption = Interruption::of(&source.module);
        if interruption == Interruption::None && timeout.is_some() {
            return Err(deadline::no_brake(engine, "timeoutMs"));
        }
        if interruption == Interruption::None && request.get("stoppable")?.to_bool("stoppable")? {
            return Err(deadline::no_brake(engine, "signal"));
        }
        let page = interruption
            .has_checks()
            .then(|| Page::new(interruption, &mut store.as_context_mut()));
        let page = page.transpose()?;
        let imports = request.get("imports")?;
        let linker = (!imports.is_undefined() || page.is_some())
            .then(|| {
                let mut linker = engine.wasi.linker(&engine.engine).map_err(trap::failure)?.clone();
                if !imports.is_undefined() {
                    Imports::new(request.env, number, away)?.define(&mut linker, &source.module, imports)?;
                }
                if let Some(page) = &page {
                    page.define(&mut linker, &store)?;
                }
                Ok::<_, Failure>(linker)
            })
            .transpose()?;
        Ok(Command {
            number,
            timeout,
            stop,
            page,
            store,
            engine: engine.clone(),
            linker,
            module: source.module,
            shared_growth: source.shared_growth,
            fuel: given,
        })
    }

    fn run(mut self) -> Result<Outcome> {
        signals::mend();
        let engine = self.engine.clone();
        let own = self.linker.take();
        let linker = match &own {
            Some(linker) => linker,
            None => engine.wasi.linker(&engine.engine).map_err(trap::failure)?,
        };
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.store.data_mut().brake.deadline = deadline;
        let lever = match &self.page {
            Some(page) => Some(Lever::Page(page.clone())),
            None if engine.profile().epochs => Some(Lever::Epochs(engine.engine.clone())),
            None => None,
        };
        let ticks = deadline
            .zip(lever.clone())
            .map(|(deadline, lever)| Ticks::new(lever, deadline, TICK))
            .transpose()?;
        let ended = if self.stop.begin(lever) {
            self.start(linker)
        } else {
            Err(wasmtime::Trap::Interrupt.into())
        };
        let streams = self.store.data().wasi.streams.clone();
        if let Some(streams) = &streams {
            let brake = self.store.data().brake.clone();
            // Where that is not to be waited for, how the guest ended is what counts.
            let _ = wasi::wait(&brake, streams.drained());
        }
        let ended = ended.map_err(|error| trap::of_guest(error, self.page.as_deref()));
        self.stop.end();
        drop(ticks);
        let exit_code = match ended {
            Ok(()) => 0,
            Err(error) => match wasi::exit_code(&error) {
                Some(code) => code,
                None => return Err(trap::failure(error)),
            },
        };
        if streams.as_ref().is_some_and(|streams| streams.has_failed()) {
            return Err(Error::internal("a stream of the guest's stdio has failed").into());
        }
        let [stdout, stderr] = self.store.data().wasi.captured();
        let left = self.store.get_fuel().unwrap_or(0);
        Ok(Outcome {
            exit_code,
            stdout,
            stderr,
            fuel_consumed: self.fuel.map(|given| given - left),
        })
    }

    fn start(&mut self, linker: &wasmtime::Linker<Data>) -> wasmtime::Result<()> {
        limits::reserve(&mut self.store.as_context_mut(), self.shared_growth)?;
        let instance = linker.instantiate(&mut self.store, &self.module)?;
        let Some(start) = instance.get_func(&mut self.store, "_start") else {
            let message = "the module has no function '_start': it is no WASI command";
            return Err(trap::error(Error::new("LinkError", message).with("name", "_start")));
        };
        let Ok(start) = start.typed::<(), ()>(&self.store) else {
            let found = start.ty(&self.store).to_string();
            let message =
                format!("the function '_start' of a WASI command takes and returns nothing, this one is {found}");
            let error = Error::new("LinkError", message)
                .with("name", "_start")
                .with("expected", "(type (func))")
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

/// Many guests do nothing but wait.
static RUNNING: Pool = Pool::new(32);

/// Runs a command off the JavaScript thread.
#[napi(skip_typescript)]
pub fn run_command(request: Js) -> napi::Result<Js> {
    let env = request.env;
    task::promise(env, || {
        let command = Command::read(request, true, None)?;
        let data = EnvData::of(env)?;
        let mut away = data.away.borrow_mut();
        away.retain(|_, stop| stop.strong_count() > 0);
        away.insert(command.number, Arc::downgrade(&command.stop));
        let streams = command.store.data().wasi.streams.clone();
        task::spawn(
            env,
            &RUNNING,
            move || Ok(task::travel(command.run())),
            move |env, outcome| {
                if let Some(streams) = streams {
                    streams.put_back(env)?;
                }
                outcome?.to_js(env)
            },
        )
    })
}

/// Stops a run. Whether it had begun: if so its promise is about to be rejected, if not it may wait for a while.
#[napi(skip_typescript)]
pub fn stop_command(env: napi::Env, number: u32) -> napi::Result<bool> {
    guard(env.raw(), || {
        let stop = EnvData::of(env.raw())?
            .away
            .borrow()
            .get(&number)
            .and_then(Weak::upgrade);
        Ok(stop.is_some_and(|stop| stop.stop()))
    })
}

/// Runs a command on the JavaScript thread.
#[napi(skip_typescript)]
pub fn run_command_sync(request: Js) -> napi::Result<Js> {
    let env = request.env;
    guard(env, || {
        let command = Command::read(request, false, Worker::of(env, &EnvData::of(env)?))?;
        let _watch = command.store.data().brake.watch(&command.engine)?;
        command.run()?.to_js(env)
    })
}
