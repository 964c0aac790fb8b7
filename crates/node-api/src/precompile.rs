//! [feature `cranelift`] `Engine.precompile`: artifacts, for this machine and others.

use std::borrow::Cow;

use napi_derive::napi;

use crate::checks;
use crate::compiler::{self, Source, not_aborted};
use crate::config::Settings;
use crate::describe::{self, Description};
use crate::engine::{Engine, EngineParts, refused};
use crate::error::{Error, Result, guard};
use crate::features;
use crate::js::Js;
use crate::options::{Options, known};
use crate::profile::Build;
use crate::target::Target;
use crate::task;

/// What to compile for.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct PrecompileOptions {
    /// The target triple of the machine that will load the artifact, of x86_64, aarch64, riscv64gc or s390x (needs the feature
    /// `all-arch`), or `pulley64` for an artifact that every 64-bit little-endian machine loads and interprets. Triples without an operating
    /// system (`aarch64-unknown-none`) need the profile `embedded` or `embedded-signals`, `pulley32` `embedded` or
    /// `small-address-space`. Default: what the engine runs.
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
    /// The features of the build that will load the artifact, as its own `features` has them, where it may lack `gc` or `threads`: a
    /// build loads nothing that was compiled with what it lacks, whether the guest uses that or not. Default: those of this build.
    #[napi(ts_type = "readonly import('./features.js').FeatureName[]")]
    pub features: Option<Js>,
    /// Rejects the promise with `signal.reason` when it is aborted. What has begun to be compiled is finished all the same,
    /// what waits for a thread is not begun.
    #[napi(ts_type = "AbortSignal")]
    pub signal: Option<Js>,
}
known!(PrecompileOptions {
    target,
    cpu,
    strip,
    features,
    signal
});

/// The build that `options.features` describes.
fn build(options: &Options<PrecompileOptions>) -> Result<Option<Build>> {
    let Some(list) = options.some("features")? else {
        return Ok(None);
    };
    if !list.is_array() {
        return Err(Error::type_error("options.features must be a list of features").into());
    }
    let mut build = Build {
        gc: false,
        threads: false,
    };
    for i in 0..list.len()? {
        match list.index(i)?.to_str("options.features")?.as_str() {
            "gc" => build.gc = true,
            "threads" => build.threads = true,
            name if features::ALL.iter().any(|(known, _)| *known == name) => {}
            name => {
                let all: Vec<_> = features::ALL.iter().map(|(known, _)| *known).collect();
                let message = format!("options.features has '{name}', which is none of {}", all.join(", "));
                return Err(Error::type_error(message).into());
            }
        }
    }
    Ok(Some(build))
}

/// The CPU an artifact is made for.
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

/// How to compile.
pub struct Plan {
    settings: Settings,
    engine: wasmtime::Engine,
    strip: Strip,
}

#[derive(Clone, Copy, PartialEq, Eq)]
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
        let mut settings = parts.settings.for_target(target)?;
        if let Some(build) = build(&options)? {
            settings.profile = settings.profile.for_build(build);
        }
        let engine = match Cpu::read(&options, &settings.target)? {
            Cpu::Native
                if strip == Strip::None
                    && settings.target == parts.settings.target
                    && settings.profile == parts.settings.profile =>
            {
                parts.engine.clone()
            }
            cpu => cpu.engine(&settings, strip)?,
        };
        let plan = Plan {
            settings,
            engine,
            strip,
        };
        Ok((plan, options.get("signal")?))
    }

    /// For the engine that loads it.
    pub fn here(parts: &EngineParts) -> Plan {
        Plan {
            settings: parts.settings.clone(),
            engine: parts.engine.clone(),
            strip: Strip::None,
        }
    }
    pub fn precompile(&self, source: Source) -> Result<Vec<u8>> {
        let profile = self.settings.profile;
        let whole = source.wasm(profile)?;
        let wasm = match self.strip {
            Strip::None => Cow::Borrowed(&whole),
            _ => Cow::Owned(describe::without(&whole, |name| name == "name")),
        };
        let compiled = checks::compile(&self.settings, &self.engine, &wasm)?;
        let description = Description::of(&whole, self.strip != Strip::All);
        let block = description.block(&self.settings, &compiled)?;
        describe::artifact(compiled.image, &block)
    }
}

impl Cpu {
    /// An engine that compiles for this CPU.
    fn engine(self, settings: &Settings, strip: Strip) -> Result<wasmtime::Engine> {
        let mut config = settings.to_config()?;
        // Debug information is made with the map.
        if strip == Strip::All && !settings.profile.is_debug() {
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
        crate::engine::make(settings, &config)
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
            not_aborted(signal)?;
            let source = Source::read(source)?;
            compiler::spawn(
                env,
                signal,
                move || plan.precompile(source),
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
            let (plan, signal) = Plan::read(&self.parts, options)?;
            if !signal.is_undefined() {
                let message = "options.signal is for precompile: no signal fires while this thread compiles";
                return Err(Error::type_error(message).into());
            }
            Js::buffer(source.env, &plan.precompile(Source::read(source)?)?)
        })
    }
}
