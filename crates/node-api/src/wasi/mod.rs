//! [feature `wasi`] WASI preview 1: what a store grants its guests, and what they have written.

mod device;
mod fixed;
mod input;
mod options;
mod output;
mod preview0;
mod preview1;
mod stdio;
mod streams;
mod waiter;
mod write;

use std::sync::{Arc, OnceLock};

use napi::bindgen_prelude::This;
use napi::sys;
use napi_derive::napi;
use wasmtime::{StoreContextMut, ValRaw};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

use self::output::Output;
pub use self::stdio::Streamed;
pub use self::streams::Streams;
use self::waiter::Waiter;
use crate::brake::Brake;
use crate::env::EnvData;
use crate::error::{Error, Result, guard};
use crate::js::{Js, Scope};
use crate::linker::{Linker, link_error};
use crate::store::Store;
use crate::store_core::{Data, store_of_number};
use crate::trap;

/// What a guest may do through WASI, and what it has written.
#[derive(Default)]
pub struct State {
    context: Option<Box<WasiP1Ctx>>,
    /// Its stdout and stderr.
    outputs: Option<[Output; 2]>,
    /// Whether its descriptors 1 and 2 are still those.
    moved: [bool; 2],
    /// Descriptors that are open.
    descriptors: Descriptors,
    /// What it gave to `proc_exit`.
    exit_code: Option<i32>,
    /// The streams of JavaScript that it has from another thread.
    pub streams: Option<Arc<Streams>>,
    /// Who has the functions that take its output on this thread, where no store has them.
    here: Option<Run>,
    /// Whether a guest that waits has it: then here are only its streams.
    lent: bool,
}

/// How many descriptors are open, and how many may be.
struct Descriptors {
    open: usize,
    most: usize,
}
impl Default for Descriptors {
    /// Stdio.
    fn default() -> Self {
        Descriptors { open: 3, most: 1000 }
    }
}

/// A run on the JavaScript thread, by the facade's number.
pub struct Run {
    pub env: sys::napi_env,
    pub number: u32,
}
// SAFETY: it is used where the guest runs, which is the thread it was made on.
unsafe impl Send for Run {}
// SAFETY: as above.
unsafe impl Sync for Run {}

impl State {
    /// What the guest wrote so far, of captured streams: stdout, stderr.
    pub fn captured(&self) -> [Option<Vec<u8>>; 2] {
        match &self.outputs {
            Some([out, err]) => [out.captured(), err.captured()],
            None => [None, None],
        }
    }
    fn context(&mut self) -> &mut WasiP1Ctx {
        self.context
            .get_or_insert_with(|| Box::new(WasiCtxBuilder::new().build_p1()))
    }
    fn lend(&mut self) -> State {
        let left = State {
            outputs: self.outputs.clone(),
            lent: true,
            ..State::default()
        };
        std::mem::replace(self, left)
    }
    fn give_back(&mut self, state: State) {
        // What another guest has exited with meanwhile.
        let exit_code = self.exit_code.or(state.exit_code);
        *self = State { exit_code, ..state };
    }
    /// The stream behind a descriptor, if it is one of the two.
    fn output(&self, fd: u32) -> Option<Output> {
        let at = (fd as usize)
            .checked_sub(1)
            .filter(|at| !self.moved.get(*at).unwrap_or(&true))?;
        Some(self.outputs.as_ref()?[at].clone())
    }
    /// Whether the guest may open another file.
    fn may_open(&self) -> bool {
        self.descriptors.open < self.descriptors.most
    }
    /// Counts what a call that went well has opened or closed.
    fn count(&mut self, name: &str, arguments: &[ValRaw]) {
        let open = &mut self.descriptors.open;
        match name {
            "path_open" => *open += 1,
            "fd_close" => *open = open.saturating_sub(1),
            "fd_renumber" if arguments[0].get_u32() != arguments[1].get_u32() => *open = open.saturating_sub(1),
            _ => {}
        }
    }
    /// The guest may have made something else of a descriptor.
    fn move_output(&mut self, fd: u32) {
        if let Some(moved) = (fd as usize).checked_sub(1).and_then(|at| self.moved.get_mut(at)) {
            *moved = true;
        }
    }
    /// A guest whose streams have failed ends; the facade has the reason.
    fn check_streams(&self) -> wasmtime::Result<()> {
        match &self.streams {
            Some(streams) if streams.has_failed() => {
                Err(trap::error(Error::internal("a stream of the guest's stdio has failed")))
            }
            _ => Ok(()),
        }
    }
    /// Has JavaScript take what the guest of a run has written, on this thread.
    fn give(&self, fd: u32, bytes: &[u8]) -> Result<()> {
        let Some(Run { env, number }) = self.here else {
            return Ok(());
        };
        let _scope = Scope::open(env);
        let args = [
            Js::number(env, number.into())?,
            Js::number(env, fd.into())?,
            Js::buffer(env, bytes)?,
        ];
        EnvData::of(env)?.call(env, "output", &args).map(drop)
    }
}

/// The code of a guest that has called `proc_exit`.
pub fn exit_code(error: &wasmtime::Error) -> Option<i32> {
    error.downcast_ref::<I32Exit>().map(|exit| exit.0)
}

/// Waits as long as the guest may.
pub fn wait(brake: &Brake, what: impl Future<Output = ()>) -> wasmtime::Result<()> {
    let done = async {
        what.await;
        Ok(())
    };
    Waiter::block(brake, true).finish(std::pin::pin!(done))
}

/// WASI's functions in an engine, made when they are first wanted.
#[derive(Default)]
pub struct Functions(OnceLock<wasmtime::Linker<Data>>);

impl Functions {
    /// With all of them.
    pub fn linker(&self, engine: &wasmtime::Engine) -> wasmtime::Result<&wasmtime::Linker<Data>> {
        if self.0.get().is_none() {
            let mut linker = wasmtime::Linker::new(engine);
            preview1::add_to_linker(&mut linker)?;
            preview0::add_to_linker(&mut linker)?;
            // Another thread may have been faster.
            let _ = self.0.set(linker);
        }
        Ok(self.0.get_or_init(|| wasmtime::Linker::new(engine)))
    }
    /// One of them in a store.
    pub fn get(
        &self,
        engine: &wasmtime::Engine,
        context: &mut StoreContextMut<'_, Data>,
        module: &str,
        name: &str,
    ) -> wasmtime::Result<wasmtime::Extern> {
        self.linker(engine)?.get(context, module, name)
    }
}

/// The names of the functions with their modules', for the facade's `wasiImports`.
#[napi(skip_typescript)]
pub fn wasi_functions(env: napi::Env) -> napi::Result<Js> {
    let env = env.raw();
    guard(env, || {
        let row = |(module, name)| Js::array(env, [Js::string(env, module), Js::string(env, name)]);
        let old = preview0::names().map(|name| (preview0::MODULE, name));
        Js::array(
            env,
            preview1::names()
                .map(|name| (preview1::MODULE, name))
                .chain(old)
                .map(row),
        )
    })
}

/// Gives a store the WASI of an imports object that brings its own.
#[napi(skip_typescript)]
pub fn adopt_wasi(store: Js, options: Js) -> napi::Result<()> {
    guard(store.env, || {
        let core = store_of_number(store)?;
        // Before a file is opened, or emptied.
        if core.enter(|context| context.data().wasi.outputs.is_some() || context.data().wasi.lent)? {
            return Err(Error::type_error("the store has a WASI of its own, and these imports bring another").into());
        }
        let (state, callbacks) = State::read(options)?;
        core.enter(|mut context| context.data_mut().wasi = state)?;
        callbacks.bind(&core)
    })
}

#[napi]
impl Store {
    /// What the guest has written to captured streams so far, and what it gave to `proc_exit`; `undefined` for a store without
    /// the option `wasi`.
    #[napi(
        getter,
        ts_return_type = "{ readonly stdout?: Buffer, readonly stderr?: Buffer, readonly exitCode?: number } | undefined"
    )]
    pub fn wasi(&self, env: napi::Env) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || {
            let state = self.core.enter(|context| {
                let wasi = &context.data().wasi;
                wasi.outputs.is_some().then(|| (wasi.captured(), wasi.exit_code))
            })?;
            let Some((captured, exit_code)) = state else {
                return Js::undefined(env);
            };
            let object = Js::object(env)?;
            for (name, bytes) in ["stdout", "stderr"].into_iter().zip(captured) {
                if let Some(bytes) = bytes {
                    object.set(name, Js::buffer(env, &bytes)?)?;
                }
            }
            if let Some(code) = exit_code {
                object.set("exitCode", Js::number(env, code.into())?)?;
            }
            Ok(object)
        })
    }
}

#[napi]
impl Linker {
    /// Defines WASI preview 1 (`wasi_snapshot_preview1`), and preview 0 (`wasi_unstable`) for guests of 2019. What it grants is
    /// the store's matter: one made without the option `wasi` grants nothing.
    #[napi(ts_args_type = "", ts_return_type = "this")]
    pub fn define_wasi(&self, env: napi::Env, this: This<Js>) -> napi::Result<Js> {
        guard(env.raw(), || {
            let linker = &mut *self.definitions()?;
            preview1::add_to_linker(linker).map_err(|e| link_error(preview1::MODULE, "", e))?;
            preview0::add_to_linker(linker).map_err(|e| link_error(preview0::MODULE, "", e))?;
            Ok(this.object)
        })
    }
}
