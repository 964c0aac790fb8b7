//! [`Instance`]: a module in a store, with its imports given.

use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi_derive::napi;
use wasmtime::{ExternType, StoreContextMut};

use crate::env::EnvData;
use crate::error::{Error, Failure, Result, guard};
use crate::externs::Item;
use crate::global::Global;
use crate::js::{Js, constructing};
use crate::limits;
use crate::module::of_engine;
use crate::shape::Shape;
use crate::sig::Sig;
use crate::store::Store;
use crate::store_core::{Core, Data, store_of_number};

/// A module that runs in a store. Its exports are functions, memories, tables, globals and tags.
///
/// @example
/// ```ts
/// const instance = new Instance(store, module, { env: { log: (x: number) => console.log(x) } })
/// instance.exports.main()
/// ```
#[napi]
pub struct Instance {}

impl Instance {
    /// An instance that was not made by its constructor: the facade makes the object, in which nothing is native.
    pub fn make(core: &Core, instance: wasmtime::Instance) -> Result<Js> {
        core.data.call(
            core.env,
            "makeInstance",
            &[core.table()?, core.keep_instance(instance)?],
        )
    }
    /// The instance that an object is, and its store.
    pub fn of(object: Js) -> Result<(Rc<Core>, wasmtime::Instance)> {
        let found = EnvData::of(object.env)?.call(object.env, "instanceOf", &[object])?;
        if found.is_undefined() {
            object.class::<Instance>("instance")?;
        }
        let core = store_of_number(found.index(0)?)?;
        let instance = core.instance(found.index(1)?.to_u32("number")?)?;
        Ok((core, instance))
    }
}

impl Core {
    /// Resolves a module's imports from an imports object. Getters run, so nothing of the store may be held.
    fn resolve(self: &Rc<Core>, module: Js, shape: &Shape, imports: Js) -> Result<Vec<Import>> {
        if !imports.is_undefined() {
            imports.to_object("imports")?;
        }
        if shape.imports().len() == 0 {
            return Ok(Vec::new());
        }
        let values = self.table()?.invoke("resolve", &[module, imports])?;
        let mut resolved = Vec::with_capacity(shape.imports().len());
        for (i, import) in shape.imports().enumerate() {
            let value = values.index(i as u32)?;
            let ty = import.ty();
            resolved.push(match ty {
                // The facade gives a function that is not wasm's own the number of its place in the host table, negated.
                // What stands for a function of WASI has come as its module and name.
                ExternType::Func(_) if value.is_array() => {
                    Import::Wasi(value.index(0)?.to_str("module")?, value.index(1)?.to_str("name")?)
                }
                ExternType::Func(ty) => match value.to_f64("place")? {
                    place if place < 0.0 => Import::Host(ty, (-place - 1.0) as u32),
                    number => Import::Item(Item::Func(number as u32)),
                },
                // It has let a plain value pass where a constant global is wanted.
                ExternType::Global(ty) if value.class::<Global>("").is_err() => {
                    let global = Global::make(self, ty, value).map_err(|failure| match failure {
                        // It converts, as the facade has found out, but is not of the very type.
                        Failure::Error(error) => Failure::from(
                            Error::new("LinkError", error.message())
                                .with("module", import.module())
                                .with("name", import.name()),
                        ),
                        other => other,
                    })?;
                    Import::Item(Item::Global(global))
                }
                ty => {
                    let what = format!("imports.{}.{}", import.module(), import.name());
                    Import::Item(Item::from_js(self, value, crate::types::kind(&ty), &what)?)
                }
            });
        }
        Ok(resolved)
    }
}

/// What is to be instantiated, and with what.
pub enum Plan {
    Imports(wasmtime::Module, Vec<wasmtime::Extern>),
    Linker(Box<wasmtime::Linker<Data>>, wasmtime::Module),
    Pre(wasmtime::InstancePre<Data>),
}

impl Plan {
    fn now(&self, context: &mut StoreContextMut<'_, Data>) -> wasmtime::Result<wasmtime::Instance> {
        match self {
            Plan::Imports(module, imports) => wasmtime::Instance::new(context, module, imports),
            Plan::Linker(linker, module) => linker.instantiate(context, module),
            Plan::Pre(pre) => pre.instantiate(context),
        }
    }
}

impl Core {
    /// Instantiates: where that is refused, the store has what it had.
    pub fn instantiate(&self, growth: u64, plan: Plan) -> Result<wasmtime::Instance> {
        if self.fibers.needed() {
            return self.instantiate_on_fiber(growth, plan);
        }
        self.run(|context| {
            limits::make(context, |context| {
                limits::reserve(context, growth)?;
                plan.now(context)
            })
        })
    }
    /// What a module is instantiated with, given an imports object, and how much its memories may grow unasked.
    pub(crate) fn plan(self: &Rc<Core>, module: Js, imports: Js) -> Result<(u64, Plan)> {
        let found = of_engine(&module, &self.engine)?;
        let (growth, shape) = (found.shared_growth, &found.shape);
        self.usable()?;
        let resolved = self.resolve(module, shape, imports)?;
        self.runs(shape)?;
        let mut externs = self.enter(|mut context| {
            let extern_of = |import| match import {
                Import::Item(item) => item.to_extern(self),
                Import::Host(ty, place) => {
                    let sig = Sig::new(&ty);
                    Ok(self.host_func(&mut context, ty, &sig, place).into())
                }
                Import::Wasi(module, name) => {
                    let engine = &self.engine;
                    let found = engine.wasi.get(&engine.engine, &mut context, &module, &name);
                    found.map_err(crate::trap::failure)
                }
            };
            resolved.into_iter().map(extern_of).collect::<Result<Vec<_>>>()
        })??;
        if let Some(page) = self.page_for(shape) {
            externs.push(page.to_extern());
        }
        Ok((growth, Plan::Imports(shape.module.clone(), externs)))
    }
}

enum Import {
    Item(Item),
    Host(wasmtime::FuncType, u32),
    Wasi(String, String),
}

#[napi]
impl Instance {
    /// Instantiates `module` in `store`; its start function runs. `imports` is an object of objects, as in the JS API:
    /// functions may be JavaScript's or exported functions of the same store, and where a constant global is wanted a value
    /// will do.
    ///
    /// Throws `LinkError` where an import is missing or of the wrong type, `TypeError` where one belongs to another store,
    /// `Trap` and what host functions throw from the start function, `WasmtimeError` where a limit of the store forbids it.
    #[napi(constructor, ts_args_type = "store: Store, module: Module, imports?: Imports")]
    pub fn new(this: This<Js>, store: Js, module: Js, imports: Js) -> napi::Result<Self> {
        guard(store.env, || {
            constructing::<Instance>(this.object)?;
            let core = &store.class::<Store>("store")?.core;
            let (growth, plan) = core.plan(module, imports)?;
            let instance = core.instantiate(growth, plan)?;
            let args = [this.object, core.table()?, core.keep_instance(instance)?];
            core.data.call(core.env, "adoptInstance", &args)?;
            Ok(Instance {})
        })
    }

    /// What the module exports, by name: functions are plain JavaScript functions, the rest objects of `Memory`, `Table`,
    /// `Global` and `Tag`. The object is frozen and has no prototype.
    #[napi(getter, ts_return_type = "any")]
    pub fn exports(&self, env: napi::Env) -> napi::Result<Js> {
        // The facade (lib/exports.ts) has another one for what is an instance.
        guard(env.raw(), || Js::undefined(env.raw()))
    }
}
