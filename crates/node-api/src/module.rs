//! [`Module`]: compiled code. Compiling is in `compiler.rs`, where the build has it.

use std::rc::Rc;

use napi_derive::napi;

use crate::artifact::{self, Stamp};
use crate::bytes::Bytes;
use crate::engine::{Engine, EngineParts};
use crate::error::{Error, Result, guard};
use crate::js::{IntoJs, Js};
use crate::types;

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
    pub(crate) engine: Rc<EngineParts>,
}

impl Module {
    pub(crate) fn wrap(module: wasmtime::Module, engine: &Rc<EngineParts>) -> Module {
        Module {
            module,
            engine: engine.clone(),
        }
    }
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
    /// An artifact is native code: load only what you made yourself. Throws `IncompatibleModuleError` with `reason` and
    /// `hint` for anything that does not fit, `TypeError` for wrong arguments.
    #[napi(ts_args_type = "engine: Engine, bytes: Uint8Array", ts_return_type = "Module")]
    pub fn deserialize(engine: Js, bytes: Js) -> napi::Result<Js> {
        guard(engine.env, || {
            let parts = &engine.class::<Engine>("engine")?.parts;
            let bytes = Bytes::read(bytes, "bytes")?;
            Stamp::read(&*bytes)?.check(parts)?;
            // SAFETY: that the artifact is one of Wasmtime's own making is the caller's promise, as documented.
            let module = unsafe { wasmtime::Module::deserialize(&parts.engine, &*bytes) }.map_err(artifact::refused)?;
            Module::wrap(module, parts).into_js(engine.env)
        })
    }

    /// Like `deserialize`, of a file, which is mapped into memory instead of read: pages are loaded when they are needed and
    /// shared between processes. Replace such a file by renaming another over it, never in place.
    ///
    /// Throws Node's own error (`ENOENT`, …) for a file that can't be read.
    #[napi(ts_args_type = "engine: Engine, path: string", ts_return_type = "Module")]
    pub fn deserialize_file(engine: Js, path: Js) -> napi::Result<Js> {
        guard(engine.env, || {
            let parts = &engine.class::<Engine>("engine")?.parts;
            let path = path.to_str("path")?;
            Stamp::read_file(&path)?.check(parts)?;
            // SAFETY: as above, and that the file stays as it is while it is mapped.
            let module =
                unsafe { wasmtime::Module::deserialize_file(&parts.engine, &path) }.map_err(artifact::refused)?;
            Module::wrap(module, parts).into_js(engine.env)
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
            Js::array(env, self.module.imports().map(describe))
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

/// The module behind a value, of this engine.
pub fn of_engine<'a>(module: &'a Js, engine: &EngineParts) -> Result<&'a Module> {
    let module = module.class::<Module>("module")?;
    crate::engine::same_engine(engine, module.module.engine(), "module")?;
    Ok(module)
}
