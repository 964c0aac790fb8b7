//! [`Module`]: compiled code. Compiling is in `compiler.rs`, where the build has it.

use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::This;
use napi_derive::napi;
use wasmtime::{ExternType, Mutability};

use crate::artifact::{self, Artifact};
use crate::bytes::Bytes;
use crate::engine::{Engine, EngineParts};
use crate::env::EnvData;
use crate::error::{Error, Result, guard};
use crate::js::{IntoJs, Js};
use crate::metadata::{self, Block};
use crate::refused::refused;
use crate::shape::Shape;
use crate::{share, sig, types};

/// What an instance of a module needs.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface")]
pub struct ResourcesRequired {
    /// How many memories.
    pub num_memories: u32,
    /// Pages of the largest of them at the start; absent if there is none.
    pub max_initial_memory_size: Option<f64>,
    /// How many tables.
    pub num_tables: u32,
    /// Elements of the largest of them at the start; absent if there is none.
    pub max_initial_table_size: Option<f64>,
}

/// Compiled code, ready to be instantiated any number of times, in any store of the same engine.
///
/// @example
/// ```ts
/// const module = await Module.compile(engine, await readFile('plugin.wasm')) // needs the compiler
/// const same = Module.deserializeFile(engine, 'plugin.cwasm') // does not
/// ```
#[napi]
pub struct Module {
    pub(crate) module: wasmtime::Module,
    pub(crate) shape: Rc<Shape>,
    pub(crate) engine: Arc<EngineParts>,
    /// Bytes that its own shared memories may grow by, together, without that a store's limits are asked.
    pub(crate) shared_growth: u64,
    /// A place among what threads share, once it was asked for.
    pub(crate) shared: share::Place,
}

impl Module {
    /// Makes the object, with an edge to its engine's.
    pub(crate) fn wrap(module: wasmtime::Module, engine: Js, shared: share::Place) -> Result<Js> {
        let parts = engine.class::<Engine>("engine")?.parts.clone();
        let data = EnvData::of(engine.env)?;
        let object = Module {
            shape: Shape::new(data.clone(), module.clone()),
            shared_growth: shared_growth(&module),
            module,
            engine: parts,
            shared,
        };
        let object = object.into_js(engine.env)?;
        data.call(engine.env, "bind", &[object, engine])?;
        Ok(object)
    }
}

impl Module {
    /// What is known of it beside what Wasmtime knows; nothing of an artifact that stock Wasmtime has made.
    fn block(&self) -> Option<Block<'_>> {
        block_of(&self.module)
    }
}

fn block_of(module: &wasmtime::Module) -> Option<Block<'_>> {
    metadata::in_image(image(module))
}

/// Bytes that its own shared memories may grow by, together.
pub fn shared_growth(module: &wasmtime::Module) -> u64 {
    let growth = block_of(module).and_then(|block| block.setting("sharedMemoryGrowth"));
    growth.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The ELF image of a module, and what stands behind it.
pub fn image(module: &wasmtime::Module) -> &[u8] {
    let range = module.image_range();
    // SAFETY: it is mapped for as long as the module lives; that a file stays as it is, is its loader's promise.
    unsafe { std::slice::from_raw_parts(range.start, range.end.addr() - range.start.addr()) }
}

/// What an artifact is made of once the facade (lib/verified.ts) has found that one of the keys in `options` has signed it; none
/// where there are no keys.
fn trusted(how: &'static str, artifact: Js, options: Js) -> Result<Option<Js>> {
    if options.is_undefined() {
        return Ok(None);
    }
    let bytes = EnvData::of(artifact.env)?.call(artifact.env, how, &[artifact, options])?;
    Ok((!bytes.is_undefined()).then_some(bytes))
}

/// Loads an artifact of these bytes.
pub fn load(parts: &EngineParts, bytes: &[u8]) -> Result<wasmtime::Module> {
    Artifact::read(bytes)?.check(&parts.settings)?;
    // SAFETY: that the artifact is one of Wasmtime's own making is the caller's promise, as documented.
    unsafe { wasmtime::Module::deserialize(&parts.engine, bytes) }.map_err(refused)
}

/// Loads an artifact of this file, which is mapped.
pub fn load_file(parts: &EngineParts, name: &str) -> Result<wasmtime::Module> {
    // What was looked at is what is mapped.
    let file = artifact::open(name)?;
    artifact::with_file(&file, |found| found.check(&parts.settings))?;
    // SAFETY: as above, and that the file stays as it is while it is mapped.
    unsafe { wasmtime::Module::deserialize_open_file(&parts.engine, file) }.map_err(refused)
}

#[napi]
impl Module {
    /// There is no such constructor; napi would throw an error without a class.
    #[napi(constructor, skip_typescript)]
    pub fn new(env: napi::Env) -> napi::Result<Self> {
        guard(env.raw(), || {
            Err(Error::type_error(
                "Module has no constructor: use Module.compile, Module.deserialize or Module.deserializeFile",
            )
            .into())
        })
    }

    /// Loads an artifact that `precompile`, `serialize` or `cwasm compile` made. It must be of the same Wasmtime version and
    /// profile, for this machine's architecture, operating system and CPU.
    ///
    /// An artifact is native code: load only what you made yourself, or what somebody you trust has signed (`verify`, with the
    /// `signature`). Throws `IncompatibleModuleError` with `reason` and `hint` for anything that does not fit, `SignatureError` for
    /// what none of the keys has signed, before anything of it is used; `TypeError` for wrong arguments.
    #[napi(
        ts_args_type = "engine: Engine, bytes: Uint8Array, options?: DeserializeOptions",
        ts_return_type = "Module"
    )]
    pub fn deserialize(engine: Js, bytes: Js, options: Js) -> napi::Result<Js> {
        guard(engine.env, || {
            let parts = &engine.class::<Engine>("engine")?.parts;
            let bytes = trusted("verified", bytes, options)?.unwrap_or(bytes);
            let module = load(parts, &Bytes::read(bytes, "bytes")?)?;
            Module::wrap(module, engine, share::Place::default())
        })
    }

    /// Like `deserialize`, of a file, which is mapped into memory instead of read: pages are loaded when they are needed and
    /// shared between processes. Replace such a file by renaming another over it, never in place. With `verify` it is read, as a
    /// mapped file could change after the check, and its signature is looked for beside it, with `.sig` behind the name.
    ///
    /// Throws Node's own error (`ENOENT`, …) for a file that can't be read.
    #[napi(
        ts_args_type = "engine: Engine, path: string, options?: DeserializeOptions",
        ts_return_type = "Module"
    )]
    pub fn deserialize_file(engine: Js, path: Js, options: Js) -> napi::Result<Js> {
        guard(engine.env, || {
            let parts = &engine.class::<Engine>("engine")?.parts;
            let name = path.to_str("path")?;
            let module = match trusted("verifiedFile", path, options)? {
                Some(bytes) => load(parts, &Bytes::read(bytes, "bytes")?)?,
                None => load_file(parts, &name)?,
            };
            Module::wrap(module, engine, share::Place::default())
        })
    }

    /// Copies of the custom sections of this name, in order. Those of debug information (`name`, `.debug_…`) are the compiler's and
    /// not kept; an artifact of stock Wasmtime, or one that was compiled with `strip: 'all'`, has none.
    #[napi(ts_args_type = "name: string", ts_return_type = "Buffer[]")]
    pub fn custom_sections(&self, env: napi::Env, name: Js) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || {
            let name = name.to_str("name")?;
            let sections = self
                .block()
                .map(|block| block.custom(&name).map(|data| Js::buffer(env, data)));
            Js::array(env, sections.into_iter().flatten())
        })
    }

    /// The engine it was made with.
    #[napi(getter, ts_return_type = "Engine")]
    pub fn engine(&self, env: napi::Env, this: This<Js>) -> napi::Result<Js> {
        guard(env.raw(), || {
            EnvData::of(env.raw())?.call(env.raw(), "boundTo", &[this.object])
        })
    }

    /// What an instance of the module needs, for instance to size a pool.
    #[napi(getter, ts_return_type = "ResourcesRequired")]
    pub fn resources(&self, env: napi::Env) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || {
            let needs = self.module.resources_required();
            let object = Js::object(env)?;
            object.set("numMemories", Js::number(env, needs.num_memories.into())?)?;
            object.set("numTables", Js::number(env, needs.num_tables.into())?)?;
            for (name, size) in [
                ("maxInitialMemorySize", needs.max_initial_memory_size),
                ("maxInitialTableSize", needs.max_initial_table_size),
            ] {
                if let Some(size) = size {
                    object.set(name, Js::number(env, size as f64)?)?;
                }
            }
            Ok(object)
        })
    }

    /// The module's name, if its name section has one.
    #[napi(getter)]
    pub fn name(&self, env: napi::Env) -> napi::Result<Option<String>> {
        guard(env.raw(), || Ok(self.module.name().map(Into::into)))
    }

    /// What must be given to instantiate the module, in order.
    #[napi(getter, ts_return_type = "ImportType[]")]
    pub fn imports(&self, env: napi::Env) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || {
            let describe = |import: wasmtime::ImportType<'_>| {
                let object = types::extern_type(env, import.name(), &import.ty())?;
                object.set("module", Js::string(env, import.module())?)?;
                Ok(object)
            };
            Js::array(env, self.shape.imports().map(describe))
        })
    }

    /// What an instance of the module has.
    #[napi(getter, ts_return_type = "ExportType[]")]
    pub fn exports(&self, env: napi::Env) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || {
            Js::array(
                env,
                self.module
                    .exports()
                    .map(|export| types::extern_type(env, export.name(), &export.ty())),
            )
        })
    }
}

/// What the facade needs of each import: `[module, name, kind, kinds of its values, whether a plain value will do]`.
#[napi(skip_typescript)]
pub fn wanted(module: Js) -> napi::Result<Js> {
    let env = module.env;
    guard(env, || {
        let row = |import: wasmtime::ImportType<'_>| {
            let ty = import.ty();
            let (kinds, plain) = match &ty {
                ExternType::Func(ty) => (sig::text(ty), false),
                ExternType::Global(ty) => (
                    sig::kind(ty.content()).to_owned(),
                    ty.mutability() == Mutability::Const && !ty.content().is_v128(),
                ),
                _ => (String::new(), false),
            };
            let texts = [import.module(), import.name(), types::kind(&ty), &kinds];
            let texts = texts.into_iter().map(|text| Js::string(env, text));
            Js::array(env, texts.chain([Js::bool(env, plain)]))
        };
        Js::array(env, module.class::<Module>("module")?.shape.imports().map(row))
    })
}

/// The module behind a value, of this engine.
pub fn of_engine<'a>(module: &'a Js, engine: &EngineParts) -> Result<&'a Module> {
    let module = module.class::<Module>("module")?;
    crate::engine::same_engine(engine, module.module.engine(), "module")?;
    Ok(module)
}
