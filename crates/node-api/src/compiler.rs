//! [feature `cranelift`] What needs the compiler: `Module.compile`, `serialize`, `Engine.precompile`, `Config.compiler`.

use std::ptr;

use napi::sys;
use napi_derive::napi;
use wasmtime::OptLevel;

use crate::bytes::Bytes;
use crate::engine::{Engine, EngineParts, refused};
use crate::error::{Error, Failure, Field, Result, guard};
use crate::js::{Js, check};
use crate::module::Module;
use crate::options::{Options, known};
use crate::share::Place;
use crate::task::{self, Pool};
use crate::{features, parallel, wat};

static COMPILING: Pool = Pool::new(4);

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
}
known!(CompilerConfig {
    opt_level,
    nan_canonicalization,
    parallel
});

/// What to compile for.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct PrecompileOptions {
    /// The CPU that the artifact needs: `baseline` is every one of the architecture, `native` this machine's. Default
    /// `x86-64-v2` on x64 (any since 2009), `baseline` elsewhere.
    #[napi(ts_type = "'baseline' | 'x86-64-v2' | 'x86-64-v3' | 'native'")]
    pub cpu: Option<String>,
}
known!(PrecompileOptions { cpu });

/// `Config.compiler` as it was read.
#[derive(Clone)]
pub struct Settings {
    opt_level: OptLevel,
    nan_canonicalization: bool,
    parallel: bool,
}

impl Settings {
    pub fn read(group: Js) -> Result<Settings> {
        let options = Options::<CompilerConfig>::new(group, "config.compiler")?;
        let levels = [
            ("none", OptLevel::None),
            ("speed", OptLevel::Speed),
            ("speed-and-size", OptLevel::SpeedAndSize),
        ];
        Ok(Settings {
            opt_level: options.choice("opt_level", &levels)?.unwrap_or(OptLevel::Speed),
            nan_canonicalization: options.bool("nan_canonicalization")?.unwrap_or(false),
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
}

/// The CPU an artifact is made for.
#[derive(Clone, Copy, PartialEq)]
enum Cpu {
    Baseline,
    V2,
    V3,
    Native,
}

const V2: [&str; 5] = ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"];
const V3: [&str; 6] = ["has_avx", "has_avx2", "has_fma", "has_bmi1", "has_bmi2", "has_lzcnt"];

impl Cpu {
    fn read(options: Js) -> Result<Cpu> {
        let options = Options::<PrecompileOptions>::new(options, "options")?;
        let x64 = cfg!(target_arch = "x86_64");
        let mut choices = vec![("baseline", Cpu::Baseline), ("native", Cpu::Native)];
        if x64 {
            choices.extend([("x86-64-v2", Cpu::V2), ("x86-64-v3", Cpu::V3)]);
        }
        Ok(options
            .choice("cpu", &choices)?
            .unwrap_or(if x64 { Cpu::V2 } else { Cpu::Baseline }))
    }

    /// An engine like `parts` that compiles for this CPU.
    fn engine(self, parts: &EngineParts) -> Result<wasmtime::Engine> {
        if self == Cpu::Native {
            return Ok(parts.engine.clone());
        }
        let mut config = parts.settings.to_config()?;
        // Naming the target, even the host's own, turns the detection of this machine's CPU off.
        config.target(env!("CWASM_TARGET")).map_err(refused)?;
        let flags = match self {
            Cpu::V2 => &[&V2[..]][..],
            Cpu::V3 => &[&V2[..], &V3[..]],
            _ => &[],
        };
        for flag in flags.iter().copied().flatten() {
            // SAFETY: these flags say which instructions may be used; an artifact that needs them is refused by a machine
            // without.
            unsafe { config.cranelift_flag_enable(flag) };
        }
        wasmtime::Engine::new(&config).map_err(refused)
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

/// Wasm to compile, out of reach of JavaScript.
struct Source(Vec<u8>);

impl Source {
    /// Bytes are binary wasm, a string is text.
    fn read(source: Js) -> Result<Source> {
        if source.is_string() {
            return wat::parse(&source.to_str("source")?).map(Source);
        }
        Ok(Source(wasm(source, "source")?.to_vec()))
    }
    fn compile(&self, engine: &wasmtime::Engine) -> Result<wasmtime::Module> {
        wasmtime::Module::from_binary(engine, &self.0).map_err(compile_error)
    }
    fn precompile(&self, engine: &wasmtime::Engine) -> Result<Vec<u8>> {
        engine.precompile_module(&self.0).map_err(compile_error)
    }
}

fn compile_error(error: wasmtime::Error) -> Failure {
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
    /// `wat`. The code is for this machine's CPU.
    ///
    /// Rejects with `CompileError` for what is no valid wasm, with `offset` in bytes where it is known. Compiling a hostile
    /// module may take unbounded time and memory.
    #[napi(
        ts_args_type = "engine: Engine, source: Uint8Array | string",
        ts_return_type = "Promise<Module>"
    )]
    pub fn compile(engine: Js, source: Js) -> napi::Result<Js> {
        let env = engine.env;
        task::promise(env, || {
            let compiler = engine.class::<Engine>("engine")?.parts.engine.clone();
            let source = Source::read(source)?;
            let engine = Kept::new(engine)?;
            task::spawn(
                env,
                &COMPILING,
                move || source.compile(&compiler),
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
            let module = Source::read(source)?.compile(&parts.engine)?;
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
            Js::buffer(env.raw(), &bytes)
        })
    }
}

#[napi]
impl Engine {
    /// Compiles ahead of time, off the JavaScript thread: the result is an artifact (`.cwasm`) for `Module.deserialize` in an
    /// engine of the same profile, in any build of this version.
    ///
    /// Rejects as `Module.compile` does.
    #[napi(
        ts_args_type = "source: Uint8Array | string, options?: PrecompileOptions",
        ts_return_type = "Promise<Buffer>"
    )]
    pub fn precompile(&self, source: Js, options: Js) -> napi::Result<Js> {
        let env = source.env;
        task::promise(env, || {
            let compiler = Cpu::read(options)?.engine(&self.parts)?;
            let source = Source::read(source)?;
            task::spawn(
                env,
                &COMPILING,
                move || source.precompile(&compiler),
                |env, bytes| Js::buffer(env, &bytes),
            )
        })
    }

    /// Like `precompile`, on the JavaScript thread, which waits.
    #[napi(
        ts_args_type = "source: Uint8Array | string, options?: PrecompileOptions",
        ts_return_type = "Buffer"
    )]
    pub fn precompile_sync(&self, source: Js, options: Js) -> napi::Result<Js> {
        guard(source.env, || {
            let compiler = Cpu::read(options)?.engine(&self.parts)?;
            Js::buffer(source.env, &Source::read(source)?.precompile(&compiler)?)
        })
    }
}
