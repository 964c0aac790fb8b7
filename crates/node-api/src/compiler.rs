//! [feature `cranelift`] What needs the compiler: `Module.compile`, `serialize`, `Config.compiler`. `Engine.precompile` is in
//! `precompile.rs`.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use napi::sys;
use napi_derive::napi;
use wasmtime::OptLevel;

use crate::bytes::Bytes;
use crate::describe;
use crate::engine::{Engine, EngineParts};
use crate::env::EnvData;
use crate::error::{Error, Failure, Field, Result, guard};
use crate::js::{Js, check};
use crate::module::Module;
use crate::options::{Options, known};
use crate::precompile::Plan;
use crate::profile::Profile;
use crate::refused::refused;
use crate::share::Place;
use crate::task::{self, Pool};
use crate::{features, parallel, wat};

/// As many at once as there are cores.
static COMPILING: Pool = Pool::new(1);

/// How Cranelift compiles. None of this decides where an artifact loads.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct CompilerConfig {
    /// `speed` (default), `speed-and-size`, or `none` to compile fast.
    #[napi(ts_type = "'none' | 'speed' | 'speed-and-size'")]
    pub opt_level: Option<String>,
    /// Give every NaN that floating point operations make the same bits, so that runs agree between machines. Default
    /// false.
    pub nan_canonicalization: Option<bool>,
    /// Compile the functions of a module on several threads. Default true. Needs the feature `parallel-compilation`.
    pub parallel: Option<bool>,
    /// Put checks into the code of profiles that have neither epochs nor debug information, so that guests can be stopped:
    /// `timeoutMs` and `signal` need it. They cost next to nothing (docs/limits.md). Default true, false with a `moduleVersion` of your
    /// own and `wasmtime`, as other embedders know nothing of them.
    pub interruptible: Option<bool>,
}
known!(CompilerConfig {
    opt_level,
    nan_canonicalization,
    parallel,
    interruptible
});

/// How to wait for a compilation.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct CompileOptions {
    /// Rejects the promise with `signal.reason` when it is aborted. What has begun to be compiled is finished all the same,
    /// what waits for a thread is not begun.
    #[napi(ts_type = "AbortSignal")]
    pub signal: Option<Js>,
}
known!(CompileOptions { signal });

/// Compiles off the JavaScript thread. Where there is a signal, an abort rejects the promise, by the facade (lib/abort.ts), and
/// what has not begun is not begun.
pub fn spawn<T: Send + 'static>(
    env: sys::napi_env,
    signal: Js,
    compile: impl FnOnce() -> Result<T> + Send + 'static,
    finish: impl FnOnce(sys::napi_env, T) -> Result<Js> + 'static,
) -> Result<Js> {
    if signal.is_undefined() {
        return task::spawn(env, &COMPILING, compile, finish);
    }
    let aborted = Arc::new(AtomicBool::new(false));
    let given_up = aborted.clone();
    let job = move || match given_up.load(Ordering::Relaxed) {
        false => compile(),
        true => Err(Error::internal("aborted before it began").into()),
    };
    let promise = task::spawn(env, &COMPILING, job, finish)?;
    let stop = Js::function(env, move |_| aborted.store(true, Ordering::Relaxed))?;
    EnvData::of(env)?.call(env, "abortable", &[promise, signal, stop])
}

/// Throws the reason of a signal that was aborted already, before anything else is looked at.
pub fn not_aborted(signal: Js) -> Result<()> {
    if signal.is_undefined() {
        return Ok(());
    }
    EnvData::of(signal.env)?
        .call(signal.env, "notAborted", &[signal])
        .map(drop)
}

/// `Config.compiler` as it was read.
#[derive(Clone)]
pub struct Settings {
    opt_level: OptLevel,
    nan_canonicalization: bool,
    parallel: bool,
    /// Where it was said.
    pub interruptible: Option<bool>,
}

const LEVELS: [(&str, OptLevel); 3] = [
    ("none", OptLevel::None),
    ("speed", OptLevel::Speed),
    ("speed-and-size", OptLevel::SpeedAndSize),
];

impl Settings {
    pub fn read(group: Js, profile: Profile) -> Result<Settings> {
        let options = Options::<CompilerConfig>::new(group, "config.compiler")?;
        let canonical = options.bool("nan_canonicalization")?;
        if canonical == Some(false) && profile.is_deterministic() {
            let message = "config.compiler.nanCanonicalization is part of the profile 'deterministic'";
            return Err(Error::type_error(message).into());
        }
        let usual = if profile.is_debug() {
            OptLevel::None
        } else {
            OptLevel::Speed
        };
        Ok(Settings {
            opt_level: options.choice("opt_level", &LEVELS)?.unwrap_or(usual),
            nan_canonicalization: canonical.unwrap_or(profile.is_deterministic()),
            interruptible: options.bool("interruptible")?,
            parallel: match options.bool("parallel")? {
                Some(true) if !features::PARALLEL_COMPILATION => {
                    return Err(features::absent("parallel-compilation", "config.compiler.parallel"));
                }
                parallel => parallel.unwrap_or(true),
            },
        })
    }
    pub fn apply(&self, config: &mut wasmtime::Config) {
        config.cranelift_opt_level(self.opt_level);
        config.cranelift_nan_canonicalization(self.nan_canonicalization);
        parallel::apply(config, self.parallel);
    }
    /// What an artifact says of its compiler.
    pub fn facts(&self) -> serde_json::Value {
        let level = LEVELS.iter().find(|(_, level)| *level == self.opt_level);
        serde_json::json!({
            "strategy": "cranelift",
            "optLevel": level.map(|(name, _)| name),
            "nanCanonicalization": self.nan_canonicalization,
        })
    }
}

/// What an artifact begins with.
const ELF: &[u8] = b"\x7fELF";
/// What wasm begins with.
const WASM: &[u8] = b"\0asm";

/// Bytes that may be wasm.
fn wasm<'a>(bytes: Js, what: &str) -> Result<Bytes<'a>> {
    let bytes = Bytes::read(bytes, what)?;
    if bytes.starts_with(ELF) {
        let message = "these bytes are an artifact compiled ahead of time, not wasm: load them with Module.deserialize, \
                       run them with { precompiled: true }";
        return Err(Error::new("CompileError", message).into());
    }
    let start = &bytes[..bytes.len().min(4)];
    if start != WASM {
        let message = format!("these bytes are no wasm: they begin with {start:02x?}, wasm with {WASM:02x?}");
        return Err(Error::new("CompileError", message)
            .with("offset", Field::Number(0.0))
            .into());
    }
    Ok(bytes)
}

/// What to compile, out of reach of JavaScript.
pub enum Source {
    Wasm(Vec<u8>),
    Text(String),
}

impl Source {
    /// Bytes are binary wasm, a string is text.
    pub fn read(source: Js) -> Result<Source> {
        if source.is_string() {
            return source.to_str("source").map(Source::Text);
        }
        Ok(Source::Wasm(wasm(source, "source")?.to_vec()))
    }
    /// Binary wasm.
    pub fn wasm(self, profile: Profile) -> Result<Vec<u8>> {
        match self {
            Source::Wasm(wasm) => Ok(wasm),
            Source::Text(text) => wat::parse(&text, profile),
        }
    }
    fn compile(self, parts: &EngineParts) -> Result<wasmtime::Module> {
        let artifact = Plan::here(parts).precompile(self)?;
        // SAFETY: an artifact of our own making.
        unsafe { wasmtime::Module::deserialize(&parts.engine, artifact) }.map_err(refused)
    }
}

/// Compiles, and where debug information stands in the way, without it: it may be wrong, or more than Wasmtime can translate.
pub fn compiled<T>(wasm: &[u8], profile: Profile, compile: impl Fn(&[u8]) -> wasmtime::Result<T>) -> Result<T> {
    let first = compile(wasm);
    if first.is_ok() || !profile.is_debug() {
        return first.map_err(compile_error);
    }
    compile(&describe::without(wasm, describe::is_debug_info)).map_err(compile_error)
}

pub fn compile_error(error: wasmtime::Error) -> Failure {
    let text = format!("{error:#}");
    // "… (at offset 0x1f)" of one part of Wasmtime, "… at offset 31: …" of another.
    let offset = text.split_once("at offset ").and_then(|(_, rest)| {
        let digits = rest.split([')', ':']).next()?;
        digits
            .strip_prefix("0x")
            .map_or_else(|| digits.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())
    });
    let error = Error::new("CompileError", text);
    match offset {
        Some(offset) => error.with("offset", Field::Number(offset.into())).into(),
        None => error.into(),
    }
}

/// A value that lives on after the native call, for work that comes back later. Made and dropped on the JavaScript thread;
/// where the environment ends before, it goes with it.
struct Kept {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Kept {
    /// `object` is an object or a function.
    fn new(object: Js) -> Result<Kept> {
        let mut reference = ptr::null_mut();
        // SAFETY: a live handle.
        check(unsafe { sys::napi_create_reference(object.env, object.raw, 1, &mut reference) })?;
        Ok(Kept {
            env: object.env,
            reference,
        })
    }
    fn get(&self) -> Result<Js> {
        let mut raw = ptr::null_mut();
        // SAFETY: the reference is there until it is dropped.
        check(unsafe { sys::napi_get_reference_value(self.env, self.reference, &mut raw) })?;
        Ok(Js { env: self.env, raw })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: made by `new` in this environment, and deleted once.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

#[napi]
impl Module {
    /// Compiles off the JavaScript thread. `source` is binary wasm, or WAT as a string (never a path); text needs the feature
    /// `wat`. The code is for this machine's CPU. As many modules are compiled at once as there are cores.
    ///
    /// Rejects with `CompileError` for what is no valid wasm, with `offset` in bytes where it is known. Compiling a hostile
    /// module may take unbounded time and memory.
    #[napi(
        ts_args_type = "engine: Engine, source: Uint8Array | string, options?: CompileOptions",
        ts_return_type = "Promise<Module>"
    )]
    pub fn compile(engine: Js, source: Js, options: Js) -> napi::Result<Js> {
        let env = engine.env;
        task::promise(env, || {
            let parts = engine.class::<Engine>("engine")?.parts.clone();
            let signal = Options::<CompileOptions>::new(options, "options")?.get("signal")?;
            not_aborted(signal)?;
            let source = Source::read(source)?;
            let engine = Kept::new(engine)?;
            spawn(
                env,
                signal,
                move || source.compile(&parts),
                move |_, module| Module::wrap(module, engine.get()?, Place::default()),
            )
        })
    }

    /// Like `compile`, on the JavaScript thread, which waits.
    #[napi(
        ts_args_type = "engine: Engine, source: Uint8Array | string",
        ts_return_type = "Module"
    )]
    pub fn compile_sync(engine: Js, source: Js) -> napi::Result<Js> {
        guard(engine.env, || {
            let parts = &engine.class::<Engine>("engine")?.parts;
            let module = Source::read(source)?.compile(parts)?;
            Module::wrap(module, engine, Place::default())
        })
    }

    /// Checks that bytes are valid wasm with the engine's proposals, without compiling. Throws `CompileError` if not.
    #[napi(ts_args_type = "engine: Engine, bytes: Uint8Array", ts_return_type = "void")]
    pub fn validate(engine: Js, bytes: Js) -> napi::Result<()> {
        guard(engine.env, || {
            let parts = &engine.class::<Engine>("engine")?.parts;
            let bytes = wasm(bytes, "bytes")?;
            wasmtime::Module::validate(&parts.engine, &bytes).map_err(compile_error)
        })
    }

    /// The module as an artifact: what `precompile` would have made of its source with `cpu: 'native'`.
    #[napi(ts_return_type = "Buffer")]
    pub fn serialize(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            let bytes = self
                .module
                .serialize()
                .map_err(|e| Error::new("WasmtimeError", format!("{e:#}")))?;
            // It is an artifact, and was loaded from that.
            Js::buffer(env.raw(), &bytes)
        })
    }
}
