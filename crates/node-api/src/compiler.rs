//! [feature `cranelift`] What needs the compiler: `Module.compile`, `serialize`, `Engine.precompile`, `Config.compiler`.

use std::borrow::Cow;
use std::ptr;
use std::sync::Arc;

use napi::sys;
use napi_derive::napi;
use wasmtime::OptLevel;

use crate::bytes::Bytes;
use crate::describe::{self, Description};
use crate::engine::{Engine, EngineParts, refused};
use crate::env::EnvData;
use crate::error::{Error, Failure, Field, Result, guard};
use crate::js::{Js, check};
use crate::module::Module;
use crate::options::{Options, known};
use crate::profile::Profile;
use crate::share::Place;
use crate::target::Target;
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
    /// The target triple of the machine that will load the artifact, of x86_64, aarch64, riscv64gc or s390x (needs the feature
    /// `all-arch`), or `pulley64` for an artifact that every 64-bit little-endian machine loads and interprets. Triples without an operating
    /// system (`aarch64-unknown-none`) need the profile `embedded`, `pulley32` that or `small-address-space`. Default: what the
    /// engine runs.
    pub target: Option<String>,
    /// The CPU that the artifact needs: `baseline` is every one of the architecture, `native` this machine's, and a list names
    /// features that it may use on top of the baseline, as Cranelift calls them (`['avx2', 'bmi1']`, `['lse']`). Default
    /// `x86-64-v2` on x64 (any since 2009), `baseline` elsewhere.
    #[napi(ts_type = "'baseline' | 'x86-64-v2' | 'x86-64-v3' | 'native' | readonly string[]")]
    pub cpu: Option<Js>,
    /// What to leave out of the artifact: `names` are those of functions, without which frames of traps have indices alone; `all`
    /// also the map of addresses, without which they have no offsets, and custom sections. Default `none`.
    #[napi(ts_type = "'none' | 'names' | 'all'")]
    pub strip: Option<String>,
    /// Rejects the promise with `signal.reason` when it is aborted; the thread finishes its work.
    #[napi(ts_type = "AbortSignal")]
    pub signal: Option<Js>,
}
known!(PrecompileOptions {
    target,
    cpu,
    strip,
    signal
});

/// How to wait for a compilation.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct CompileOptions {
    /// Rejects the promise with `signal.reason` when it is aborted; the thread finishes its work.
    #[napi(ts_type = "AbortSignal")]
    pub signal: Option<Js>,
}
known!(CompileOptions { signal });

/// A promise that an abort rejects, by the facade (lib/abort.ts).
fn until_aborted(signal: Js, start: impl FnOnce() -> Result<Js>) -> Result<Js> {
    if signal.is_undefined() {
        return start();
    }
    let facade = EnvData::of(signal.env)?;
    facade.call(signal.env, "notAborted", &[signal])?;
    let promise = start()?;
    facade.call(signal.env, "abortable", &[promise, signal])
}

/// The ELF image of a module.
fn image(module: &wasmtime::Module) -> &[u8] {
    let range = module.image_range();
    // SAFETY: it is mapped for as long as the module lives, and nothing writes to it.
    unsafe { std::slice::from_raw_parts(range.start, range.end.addr() - range.start.addr()) }
}

/// `Config.compiler` as it was read.
#[derive(Clone)]
pub struct Settings {
    opt_level: OptLevel,
    nan_canonicalization: bool,
    parallel: bool,
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

/// The CPU an artifact is made for.
#[derive(Clone, PartialEq)]
enum Cpu {
    Native,
    /// The baseline of the architecture, and these.
    Features(Vec<String>),
}

const V2: [&str; 5] = ["sse3", "ssse3", "sse41", "sse42", "popcnt"];
const V3: [&str; 6] = ["avx", "avx2", "fma", "bmi1", "bmi2", "lzcnt"];

impl Cpu {
    fn read(options: &Options<PrecompileOptions>, target: &Target) -> Result<Cpu> {
        let features = |lists: &[&[&str]]| Cpu::Features(lists.concat().into_iter().map(Into::into).collect());
        // Without an operating system nobody says what there is.
        let levels = target.is_x64() && !target.is_bare();
        let Some(cpu) = options.some("cpu")? else {
            return Ok(features(if levels { &[&V2] } else { &[] }));
        };
        if cpu.is_array() {
            let name = |i| cpu.index(i)?.to_str("options.cpu");
            return Ok(Cpu::Features((0..cpu.len()?).map(name).collect::<Result<_>>()?));
        }
        match cpu.to_str("options.cpu")?.as_str() {
            "baseline" => Ok(features(&[])),
            "native" if *target == Target::host() => Ok(Cpu::Native),
            "native" => {
                let message = format!("options.cpu: 'native' is this machine's, and the target is {target}");
                Err(Error::type_error(message).into())
            }
            "x86-64-v2" if target.is_x64() => Ok(features(&[&V2])),
            "x86-64-v3" if target.is_x64() => Ok(features(&[&V2, &V3])),
            other => {
                let levels = if target.is_x64() {
                    "'x86-64-v2', 'x86-64-v3', "
                } else {
                    ""
                };
                let message =
                    format!("options.cpu must be 'baseline', {levels}'native' or a list of features, got '{other}'");
                Err(Error::type_error(message).into())
            }
        }
    }
}

/// How to compile ahead of time.
struct Plan {
    settings: crate::config::Settings,
    engine: wasmtime::Engine,
    strip: Strip,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strip {
    None,
    Names,
    All,
}

impl Plan {
    fn read(parts: &EngineParts, options: Js) -> Result<(Plan, Js)> {
        let options = Options::<PrecompileOptions>::new(options, "options")?;
        let strips = [("none", Strip::None), ("names", Strip::Names), ("all", Strip::All)];
        let strip = options.choice("strip", &strips)?.unwrap_or(Strip::None);
        let target = match options.string("target")? {
            Some(name) => Target::read(&name, "options.target")?,
            None => parts.settings.target.clone(),
        };
        let foreign = !target.runs_here() && !target.same_architecture(&Target::host());
        if foreign && !features::ALL_ARCH {
            return Err(features::absent("all-arch", "options.target"));
        }
        let settings = parts.settings.for_target(target)?;
        let engine = match Cpu::read(&options, &settings.target)? {
            Cpu::Native if strip == Strip::None => parts.engine.clone(),
            cpu => cpu.engine(&settings, strip)?,
        };
        let plan = Plan {
            settings,
            engine,
            strip,
        };
        Ok((plan, options.get("signal")?))
    }

    fn precompile(&self, source: &Source) -> Result<Vec<u8>> {
        let wasm = match self.strip {
            Strip::None => Cow::Borrowed(&source.0),
            _ => Cow::Owned(describe::without_names(&source.0)),
        };
        let image = self.engine.precompile_module(&wasm).map_err(compile_error)?;
        let description = Description::of(&source.0, self.strip != Strip::All);
        let block = description.block(&self.settings, &image)?;
        describe::artifact(image, &block)
    }
}

impl Cpu {
    /// An engine that compiles for this CPU.
    fn engine(self, settings: &crate::config::Settings, strip: Strip) -> Result<wasmtime::Engine> {
        let mut config = settings.to_config()?;
        if strip == Strip::All {
            config.generate_address_map(false);
        }
        if let Cpu::Features(features) = self {
            // Naming the target, even the host's own, turns the detection of this machine's CPU off.
            config.target(&settings.target.to_string()).map_err(refused)?;
            for feature in features {
                // SAFETY: it says which instructions may be used; an artifact that needs them is refused by a machine without.
                unsafe { config.cranelift_flag_enable(&format!("has_{feature}")) };
            }
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
    fn read(source: Js, profile: Profile) -> Result<Source> {
        if source.is_string() {
            return wat::parse(&source.to_str("source")?, profile).map(Source);
        }
        Ok(Source(wasm(source, "source")?.to_vec()))
    }
    fn compile(&self, parts: &EngineParts) -> Result<(wasmtime::Module, Arc<[u8]>)> {
        let module = wasmtime::Module::from_binary(&parts.engine, &self.0).map_err(compile_error)?;
        // What an artifact of it would have, as there may be one.
        let block = Description::of(&self.0, true).block(&parts.settings, image(&module))?;
        Ok((module, block.into()))
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
            let source = Source::read(source, parts.profile())?;
            let engine = Kept::new(engine)?;
            let signal = Options::<CompileOptions>::new(options, "options")?.get("signal")?;
            until_aborted(signal, || {
                task::spawn(
                    env,
                    &COMPILING,
                    move || source.compile(&parts),
                    move |_, (module, block)| Module::wrap(module, engine.get()?, Some(block), Place::default()),
                )
            })
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
            let (module, block) = Source::read(source, parts.profile())?.compile(parts)?;
            Module::wrap(module, engine, Some(block), Place::default())
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
            let Some(block) = &self.block else {
                // It was loaded from an artifact, and is that.
                return Js::buffer(env.raw(), &bytes);
            };
            Js::buffer(env.raw(), &describe::artifact(bytes, block)?)
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
            let (plan, signal) = Plan::read(&self.parts, options)?;
            let source = Source::read(source, self.parts.profile())?;
            until_aborted(signal, || {
                task::spawn(
                    env,
                    &COMPILING,
                    move || plan.precompile(&source),
                    |env, bytes| Js::buffer(env, &bytes),
                )
            })
        })
    }

    /// Like `precompile`, on the JavaScript thread, which waits.
    #[napi(
        ts_args_type = "source: Uint8Array | string, options?: PrecompileOptions",
        ts_return_type = "Buffer"
    )]
    pub fn precompile_sync(&self, source: Js, options: Js) -> napi::Result<Js> {
        guard(source.env, || {
            let (plan, signal) = Plan::read(&self.parts, options)?;
            if !signal.is_undefined() {
                let message = "options.signal is for precompile: no signal fires while this thread compiles";
                return Err(Error::type_error(message).into());
            }
            Js::buffer(
                source.env,
                &plan.precompile(&Source::read(source, self.parts.profile())?)?,
            )
        })
    }
}
