//! [`Linker`] and [`InstancePre`]: imports by name, resolved once and used in many stores.
//!
//! A linker's JavaScript functions sit in a list of its own, on the JavaScript side. A store that instantiates from the
//! linker gets an edge to that list ([`crate::host::Hosts`]), so the functions live as long as any guest that may call them.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use napi::bindgen_prelude::This;
use napi_derive::napi;
use wasmtime::{AsContextMut, ImportType};

use crate::engine::{Engine, EngineParts};
use crate::error::{Error, Failure, Result, guard};
use crate::externs::Item;
use crate::host::{HostFunc, host_call};
use crate::instance::{Instance, Plan};
use crate::interruption::MODULE;
use crate::js::{IntoJs, Js, constructing};
use crate::module::of_engine;
use crate::page::Page;
use crate::shape::Shape;
use crate::sig::Sig;
use crate::store::Store;
use crate::store_core::{Core, Data, store_of_number};
use crate::{limits, store_core, trap, types};

/// A set of named imports for many modules and many stores.
///
/// What is defined with `defineFunc` and `defineWasi` belongs to no store. What belongs to one (`define`, `defineInstance`,
/// `defineModule`) binds the linker to it.
///
/// @example
/// ```ts
/// const linker = new Linker(engine)
///   .defineWasi()
///   .defineFunc('env', 'log', { parameters: ['i32'], results: [] }, x => console.log(x))
/// const pre = linker.instantiatePre(module)
/// const instance = pre.instantiate(new Store(engine)) // as often as you like
/// ```
#[napi]
pub struct Linker {
    linker: RefCell<wasmtime::Linker<Data>>,
    engine: Arc<EngineParts>,
    number: u64,
    shadowing: Cell<bool>,
    /// Whether any was given by JavaScript.
    has_functions: Cell<bool>,
    /// The store that something defined here belongs to.
    store: RefCell<Option<Weak<Core>>>,
}

/// What a linker refuses.
pub fn link_error(module: &str, name: &str, error: wasmtime::Error) -> Failure {
    Error::new("LinkError", format!("{error:#}"))
        .with("module", module)
        .with("name", name)
        .into()
}

impl Linker {
    /// The store an argument names, which must be the one this linker is bound to, if it is.
    fn core<'a>(&self, store: &'a Js) -> Result<&'a Rc<Core>> {
        let core = &store.class::<Store>("store")?.core;
        crate::engine::same_engine(&self.engine, &core.engine.engine, "store")?;
        check_binding(&self.store.borrow(), core)?;
        core.usable()?;
        Ok(core)
    }
    fn bind(&self, core: &Rc<Core>) -> Result<()> {
        check_binding(&self.store.borrow(), core)?;
        self.store.borrow_mut().get_or_insert_with(|| Rc::downgrade(core));
        Ok(())
    }
    /// The definitions, unless a module that is being defined with them is starting right now.
    pub(crate) fn definitions(&self) -> Result<RefMut<'_, wasmtime::Linker<Data>>> {
        self.linker.try_borrow_mut().map_err(|_| {
            Error::new(
                "StoreBusyError",
                "the linker is in use: a module that it defines is starting",
            )
            .into()
        })
    }
    /// What `instantiate` does: where, how much may grow unasked, and the rest.
    pub(crate) fn plan<'a>(&self, this: Js, store: &'a Js, module: Js) -> Result<(&'a Rc<Core>, u64, Plan)> {
        let core = self.core(store)?;
        let module = of_engine(&module, &self.engine)?;
        core.runs(&module.shape)?;
        let (growth, shape) = (module.shared_growth, &module.shape);
        core.hosts.add_linker(core, self.number, this)?;
        // A start function may call host functions that use the linker, so it is not held meanwhile. What belongs to a
        // store is resolved in it, with the sizes memories and tables have now.
        let plan = if shape.interruption.has_checks() {
            with_page(core, &*self.definitions()?, shape)?
        } else if self.store.borrow().is_none() {
            Plan::Pre(
                self.definitions()?
                    .instantiate_pre(&shape.module)
                    .map_err(trap::failure)?,
            )
        } else {
            Plan::Linker(Box::new(self.definitions()?.clone()), shape.module.clone())
        };
        Ok((core, growth, plan))
    }
    fn functions(this: Js) -> Result<Js> {
        crate::env::EnvData::of(this.env)?.call(this.env, "boundTo", &[this])
    }
}

/// What instantiates a module with checks in a store, with the definitions of a linker, and the store's page.
fn with_page(core: &Core, linker: &wasmtime::Linker<Data>, shape: &Shape) -> Result<Plan> {
    let externs = core.enter(|mut context| {
        let found = |import: ImportType<'_>| {
            let found = linker.get_by_import(&mut context, &import);
            let missing = || trap::missing(import.module(), import.name(), types::kind(&import.ty()));
            Ok(found.ok_or_else(missing)?)
        };
        shape.imports().map(found).collect::<Result<Vec<_>>>()
    });
    let mut externs = externs??;
    externs.extend(core.page_for(shape).map(|page| page.to_extern()));
    Ok(Plan::Imports(shape.module.clone(), externs))
}

fn check_binding(bound: &Option<Weak<Core>>, core: &Rc<Core>) -> Result<()> {
    match bound {
        Some(store) if !std::ptr::eq(store.as_ptr(), Rc::as_ptr(core)) => {
            Err(Error::type_error("the linker has definitions that belong to another store").into())
        }
        _ => Ok(()),
    }
}

pub(crate) fn into_instance(core: &Rc<Core>, instance: wasmtime::Instance) -> Result<Js> {
    Instance::make(core, instance)
}

#[napi]
impl Linker {
    /// Makes an empty linker.
    #[napi(constructor, ts_args_type = "engine: Engine")]
    pub fn new(this: This<Js>, engine: Js) -> napi::Result<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        guard(engine.env, || {
            constructing::<Linker>(this.object)?;
            let parts = engine.class::<Engine>("engine")?.parts.clone();
            crate::env::EnvData::of(engine.env)?.call(engine.env, "bindLinker", &[this.object])?;
            Ok(Linker {
                linker: RefCell::new(wasmtime::Linker::new(&parts.engine)),
                engine: parts,
                number: NUMBERS.fetch_add(1, Ordering::Relaxed),
                shadowing: Cell::new(false),
                has_functions: Cell::new(false),
                store: RefCell::new(None),
            })
        })
    }

    /// Whether a name may be defined again; the last definition counts. Default false: then it is a `LinkError`.
    #[napi(getter)]
    pub fn allow_shadowing(&self, env: napi::Env) -> napi::Result<bool> {
        guard(env.raw(), || Ok(self.shadowing.get()))
    }
    #[napi(setter, js_name = "allowShadowing", ts_args_type = "allow: boolean")]
    pub fn set_allow_shadowing(&self, allow: Js) -> napi::Result<()> {
        guard(allow.env, || {
            let allow = allow.to_bool("allowShadowing")?;
            self.definitions()?.allow_shadowing(allow);
            self.shadowing.set(allow);
            Ok(())
        })
    }

    /// Defines an exported function, memory, table, global or tag, which binds the linker to its store.
    #[napi(
        ts_args_type = "module: string, name: string, value: ExportedFunction | Memory | Table | Global | Tag",
        ts_return_type = "this"
    )]
    pub fn define(&self, this: This<Js>, module: Js, name: Js, value: Js) -> napi::Result<Js> {
        let env = module.env;
        guard(env, || {
            let (module, name) = (module.to_str("module")?, name.to_str("name")?);
            // The facade finds out what it is: `[kind, the store's number, number or object]`.
            let found = crate::env::EnvData::of(env)?.call(env, "identify", &[value])?;
            let (kind, value) = (found.index(0)?.to_str("kind")?, found.index(2)?);
            let core = match kind.as_str() {
                "function" => store_of_number(found.index(1)?)?,
                "global" => value.class::<crate::global::Global>("value")?.core.clone(),
                "table" => value.class::<crate::table::Table>("value")?.core.clone(),
                "tag" => value.class::<crate::tag::Tag>("value")?.core.clone(),
                _ => value.class::<crate::memory::Memory>("value")?.core.clone(),
            };
            crate::engine::same_engine(&self.engine, &core.engine.engine, "value")?;
            check_binding(&self.store.borrow(), &core)?;
            let item = Item::from_js(&core, value, &kind, "value")?.to_extern(&core)?;
            let mut linker = self.definitions()?;
            core.enter(|context| {
                linker
                    .define(context, &module, &name, item)
                    .map(drop)
                    .map_err(|e| link_error(&module, &name, e))
            })??;
            self.bind(&core)?;
            Ok(this.object)
        })
    }

    /// Defines a JavaScript function with a wasm type. Arguments and result are converted by it as the JS API does; several
    /// results are returned as an array.
    #[napi(
        ts_args_type = "module: string, name: string, type: FuncType, fn: (...args: any[]) => unknown",
        ts_return_type = "this"
    )]
    pub fn define_func(&self, this: This<Js>, module: Js, name: Js, ty: Js, function: Js) -> napi::Result<Js> {
        let env = module.env;
        guard(env, || {
            let (module, name) = (module.to_str("module")?, name.to_str("name")?);
            let ty = types::func_type(&self.engine.engine, ty)?;
            let function = function.to_function("fn")?;
            let sig = Sig::new(&ty);
            let index = crate::env::EnvData::of(env)?
                .call(
                    env,
                    "addFunction",
                    &[this.object, Js::string(env, &sig.text)?, function],
                )?
                .to_u32("index")?;
            let host = HostFunc {
                linker: self.number,
                index,
                sig,
            };
            let mut linker = self.definitions()?;
            self.has_functions.set(true);
            // SAFETY: `host_call` reads and writes the slots by the signature, which is made of the type.
            unsafe {
                linker.func_new_unchecked(&module, &name, ty, move |caller, space| host_call(caller, space, &host))
            }
            .map_err(|e| link_error(&module, &name, e))?;
            Ok(this.object)
        })
    }

    /// Defines all exports of an instance under a module name.
    #[napi(
        ts_args_type = "store: Store, name: string, instance: Instance",
        ts_return_type = "this"
    )]
    pub fn define_instance(&self, this: This<Js>, store: Js, name: Js, instance: Js) -> napi::Result<Js> {
        guard(store.env, || {
            let core = self.core(&store)?;
            let name = name.to_str("name")?;
            let (of, instance) = Instance::of(instance)?;
            crate::store_core::same_store(core, &of, "instance")?;
            let mut linker = self.definitions()?;
            // First, as a failure may leave some of the definitions behind.
            self.bind(core)?;
            core.enter(|context| {
                linker
                    .instance(context, &name, instance)
                    .map(drop)
                    .map_err(|e| link_error(&name, "", e))
            })??;
            Ok(this.object)
        })
    }

    /// Instantiates a module and defines its exports under a module name. A WASI command is instantiated anew for each call
    /// of its exports, a reactor's `_initialize` is called once.
    #[napi(ts_args_type = "store: Store, name: string, module: Module", ts_return_type = "this")]
    pub fn define_module(&self, this: This<Js>, store: Js, name: Js, module: Js) -> napi::Result<Js> {
        guard(store.env, || {
            let core = self.core(&store)?;
            let name = name.to_str("name")?;
            let module = of_engine(&module, &self.engine)?;
            let (growth, shape, module) = (module.shared_growth, &module.shape, &module.module);
            core.runs(shape)?;
            core.hosts.add_linker(core, self.number, this.object)?;
            let mut linker = self.definitions()?;
            // First, as a failure may leave some of the definitions behind.
            self.bind(core)?;
            if let Some(page) = core.page_for(shape) {
                let defined = core.enter(|context| page.define(&mut linker, context));
                linker.allow_shadowing(self.shadowing.get());
                defined??;
            }
            if core.fibers.needed() {
                let message = "a store that has had a call which may wait can't define whole modules: instantiate it, and use \
                               defineInstance";
                return Err(Error::new("WasmtimeError", message).into());
            }
            // A command is instantiated anew for each call, where nobody is asked.
            let is_command = module.get_export("_initialize").is_none();
            core.run(|context| {
                if growth > 0 && is_command && limits::is_limited(context) {
                    let message = "a command with a shared memory of its own can't be held to memoryBytes: instantiate it, \
                                   and use defineInstance";
                    let error = Error::new("MemoryLimitError", message).with("trapCode", "memoryLimit");
                    return Err(trap::error(error));
                }
                limits::reserve(context, growth)?;
                let defined = linker.module(&mut *context, &name, module).map(drop);
                if defined.as_ref().is_err_and(trap::is_refusal) {
                    limits::release(context, growth);
                }
                defined
            })?;
            Ok(this.object)
        })
    }

    /// Gives a definition a second name.
    #[napi(
        ts_args_type = "module: string, name: string, asModule: string, asName: string",
        ts_return_type = "this"
    )]
    pub fn alias(&self, this: This<Js>, module: Js, name: Js, as_module: Js, as_name: Js) -> napi::Result<Js> {
        guard(module.env, || {
            let (module, name) = (module.to_str("module")?, name.to_str("name")?);
            let (as_module, as_name) = (as_module.to_str("asModule")?, as_name.to_str("asName")?);
            let mut linker = self.definitions()?;
            linker
                .alias(&module, &name, &as_module, &as_name)
                .map(drop)
                .map_err(|e| link_error(&as_module, &as_name, e))?;
            Ok(this.object)
        })
    }

    /// Defines every function import of `module` that has no definition yet as one that traps when it is called.
    #[napi(ts_args_type = "module: Module", ts_return_type = "this")]
    pub fn define_unknown_imports_as_traps(&self, this: This<Js>, module: Js) -> napi::Result<Js> {
        guard(module.env, || {
            let module = &of_engine(&module, &self.engine)?.module;
            self.definitions()?
                .define_unknown_imports_as_traps(module)
                .map_err(trap::failure)?;
            Ok(this.object)
        })
    }

    /// What is defined under a name, for `store`; `undefined` if nothing is.
    #[napi(
        ts_args_type = "store: Store, module: string, name: string",
        ts_return_type = "ExportedFunction | Memory | Table | Global | Tag | undefined"
    )]
    pub fn get(&self, this: This<Js>, store: Js, module: Js, name: Js) -> napi::Result<Js> {
        guard(store.env, || {
            let core = self.core(&store)?;
            let (module, name) = (module.to_str("module")?, name.to_str("name")?);
            core.hosts.add_linker(core, self.number, this.object)?;
            let linker = self.definitions()?;
            if module == MODULE {
                return Js::undefined(store.env);
            }
            let item = core.enter(|mut context| {
                let found = linker.get(&mut context, &module, &name);
                found.ok().map(|item| Item::from_extern(core, &mut context, item))
            })?;
            match item {
                None => Js::undefined(store.env),
                Some(Item::Func(number)) => core.table()?.invoke("func", &[Js::number(store.env, number.into())?]),
                Some(item) => item.to_js(core),
            }
        })
    }

    /// Instantiates `module` in `store`, with what is defined here as its imports.
    ///
    /// Throws as `new Instance` does.
    #[napi(ts_args_type = "store: Store, module: Module", ts_return_type = "Instance")]
    pub fn instantiate(&self, this: This<Js>, store: Js, module: Js) -> napi::Result<Js> {
        guard(store.env, || {
            let (core, growth, plan) = self.plan(this.object, &store, module)?;
            into_instance(core, core.instantiate(growth, plan)?)
        })
    }

    /// Resolves and checks the imports of `module` once, to instantiate it in many stores.
    ///
    /// Throws `LinkError` where an import has no definition or one of another type.
    #[napi(ts_args_type = "module: Module", ts_return_type = "InstancePre")]
    pub fn instantiate_pre(&self, this: This<Js>, module: Js) -> napi::Result<Js> {
        let env = module.env;
        guard(env, || {
            let module = of_engine(&module, &self.engine)?;
            let object = InstancePre {
                prepared: Prepared::new(&self.engine, &module.shape, &*self.definitions()?)?,
                shape: module.shape.clone(),
                shared_growth: module.shared_growth,
                engine: self.engine.clone(),
                // 0 where there is nothing that its instances could call: a store has that one.
                linker: if self.has_functions.get() { self.number } else { 0 },
                store: RefCell::new(self.store.borrow().clone()),
            }
            .into_js(env)?;
            crate::env::EnvData::of(env)?.call(env, "bind", &[object, Linker::functions(this.object)?])?;
            Ok(object)
        })
    }
}

/// A module whose imports a linker has resolved: the fastest way to many instances.
///
/// @example
/// ```ts
/// const pre = linker.instantiatePre(module)
/// function handle(request) {
///   using store = new Store(engine, { limits: { memoryBytes: 16 << 20 } })
///   return pre.instantiate(store).exports.handle(request)
/// }
/// ```
#[napi]
pub struct InstancePre {
    prepared: Prepared,
    shape: Rc<Shape>,
    pub(crate) shared_growth: u64,
    engine: Arc<EngineParts>,
    linker: u64,
    store: RefCell<Option<Weak<Core>>>,
}

/// What has been resolved.
enum Prepared {
    All(wasmtime::InstancePre<Data>),
    /// All but the page, of which each store has its own.
    ButPage(Box<wasmtime::Linker<Data>>),
}

impl Prepared {
    fn new(engine: &EngineParts, shape: &Shape, linker: &wasmtime::Linker<Data>) -> Result<Prepared> {
        if !shape.interruption.has_checks() {
            return Ok(Prepared::All(
                linker.instantiate_pre(&shape.module).map_err(trap::failure)?,
            ));
        }
        // For the errors that there may be, with a page of nobody's.
        let mut store = store_core::new_store(engine, Data::of_nobody())?;
        let page = Page::new(shape.interruption, &mut store.as_context_mut())?;
        let mut trial = linker.clone();
        page.define(&mut trial, &store)?;
        trial.instantiate_pre(&shape.module).map_err(trap::failure)?;
        Ok(Prepared::ButPage(Box::new(linker.clone())))
    }
    fn plan(&self, core: &Core, shape: &Shape) -> Result<Plan> {
        match self {
            Prepared::All(pre) => Ok(Plan::Pre(pre.clone())),
            Prepared::ButPage(linker) => with_page(core, linker, shape),
        }
    }
}

impl InstancePre {
    /// What `instantiate` does, and where.
    pub(crate) fn plan<'a>(&self, this: Js, store: &'a Js) -> Result<(&'a Rc<Core>, Plan)> {
        let core = &store.class::<Store>("store")?.core;
        crate::engine::same_engine(&self.engine, &core.engine.engine, "store")?;
        check_binding(&self.store.borrow(), core)?;
        core.usable()?;
        core.hosts.add_linker(core, self.linker, this)?;
        core.runs(&self.shape)?;
        Ok((core, self.prepared.plan(core, &self.shape)?))
    }
}

#[napi]
impl InstancePre {
    /// There is no such constructor; napi would throw an error without a class.
    #[napi(constructor, skip_typescript)]
    pub fn new(env: napi::Env) -> napi::Result<Self> {
        guard(env.raw(), || {
            Err(Error::type_error("InstancePre has no constructor: use linker.instantiatePre").into())
        })
    }

    /// Instantiates in `store`.
    ///
    /// Throws as `new Instance` does, save for what was checked before.
    #[napi(ts_args_type = "store: Store", ts_return_type = "Instance")]
    pub fn instantiate(&self, this: This<Js>, store: Js) -> napi::Result<Js> {
        guard(store.env, || {
            let (core, plan) = self.plan(this.object, &store)?;
            into_instance(core, core.instantiate(self.shared_growth, plan)?)
        })
    }
}
