//! [`Instance`]: a module in a store, with its imports given.

use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi_derive::napi;
use wasmtime::{Extern, ExternType, StoreContextMut};

use crate::error::{Error, Result, guard};
use crate::global::Global;
use crate::js::{IntoJs, Js, constructing};
use crate::memory::Memory;
use crate::module::of_engine;
use crate::sig::Sig;
use crate::store::{Core, Data, Store, same_store};
use crate::table::Table;
use crate::trap;

/// A module that runs in a store. Its exports are functions, memories, tables and globals.
///
/// @example
/// ```ts
/// const instance = new Instance(store, module, { env: { log: (x: number) => console.log(x) } })
/// instance.exports.main()
/// ```
#[napi]
pub struct Instance {
    pub(crate) core: Rc<Core>,
    pub(crate) instance: wasmtime::Instance,
}

/// Something that can be imported or exported, on its way to or from JavaScript: a function is its number in the store.
pub enum Item {
    Func(u32),
    Global(wasmtime::Global),
    Table(wasmtime::Table),
    Memory(wasmtime::Memory),
    /// What has no class here yet.
    Other(&'static str),
}

impl Item {
    pub fn from_extern(core: &Core, context: &mut StoreContextMut<'_, Data>, item: Extern) -> Item {
        match item {
            Extern::Func(func) => Item::Func(core.funcs.number(context, func, None)),
            Extern::Global(global) => Item::Global(global),
            Extern::Table(table) => Item::Table(table),
            Extern::Memory(memory) => Item::Memory(memory),
            Extern::SharedMemory(_) => Item::Other("shared memory"),
            Extern::Tag(_) => Item::Other("tag"),
        }
    }
    /// The JavaScript object; a number stays one, for [`Item::Func`].
    pub fn to_js(&self, core: &Rc<Core>) -> Result<Js> {
        let env = core.env;
        let object = match *self {
            Item::Func(number) => return Js::number(env, number.into()),
            Item::Memory(memory) => {
                return Memory {
                    core: core.clone(),
                    memory,
                }
                .into_js(env);
            }
            Item::Other(_) => return Js::undefined(env),
            Item::Global(global) => Global {
                core: core.clone(),
                global,
            }
            .into_js(env)?,
            Item::Table(table) => Table {
                core: core.clone(),
                table,
            }
            .into_js(env)?,
        };
        core.bind_object(object)
    }
    /// The extern behind a value of JavaScript, which must be of this store. Functions are numbers here too.
    pub fn from_js(core: &Rc<Core>, value: Js, kind: &str, what: &str) -> Result<Item> {
        let (item, of) = match kind {
            "function" => return Ok(Item::Func(value.to_u32(what)?)),
            "global" => value.class::<Global>(what).map(|g| (Item::Global(g.global), &g.core))?,
            "table" => value.class::<Table>(what).map(|t| (Item::Table(t.table), &t.core))?,
            "memory" => value.class::<Memory>(what).map(|m| (Item::Memory(m.memory), &m.core))?,
            other => {
                return Err(Error::type_error(format!("{what}: a {other} can't be imported yet")).into());
            }
        };
        same_store(core, of, what)?;
        Ok(item)
    }
    pub fn to_extern(&self, core: &Core) -> Result<Extern> {
        Ok(match *self {
            Item::Func(number) => core.funcs.get(number)?.into(),
            Item::Global(global) => global.into(),
            Item::Table(table) => table.into(),
            Item::Memory(memory) => memory.into(),
            Item::Other(kind) => {
                return Err(Error::internal(format!("a {kind} is no extern here")).into());
            }
        })
    }
}

impl Core {
    /// Gives an object of this store an edge to the host table that the garbage collector sees: as long as it lives, what it
    /// may call or give back lives.
    pub fn bind_object(&self, object: Js) -> Result<Js> {
        self.data.call(self.env, "bind", &[object, self.table()?])?;
        Ok(object)
    }

    /// Resolves a module's imports from an imports object. Getters run, so nothing of the store may be held.
    fn resolve(self: &Rc<Core>, module: Js, wasm: &wasmtime::Module, imports: Js) -> Result<Vec<Import>> {
        if !imports.is_undefined() {
            imports.to_object("imports")?;
        }
        if wasm.imports().len() == 0 {
            return Ok(Vec::new());
        }
        let values = self.table()?.invoke("resolve", &[module, imports])?;
        let mut resolved = Vec::with_capacity(wasm.imports().len());
        for (i, import) in wasm.imports().enumerate() {
            let value = values.index(i as u32)?;
            let ty = import.ty();
            // The facade gives a function that is not wasm's own the number of its place in the host table, negated.
            resolved.push(match (value.to_f64(""), ty) {
                (Ok(place), ExternType::Func(ty)) if place < 0.0 => Import::Host(ty, (-place - 1.0) as u32),
                (_, ty) => {
                    let what = format!("imports.{}.{}", import.module(), import.name());
                    Import::Item(Item::from_js(self, value, crate::types::kind(&ty), &what)?)
                }
            });
        }
        Ok(resolved)
    }
}

enum Import {
    Item(Item),
    Host(wasmtime::FuncType, u32),
}

#[napi]
impl Instance {
    /// Instantiates `module` in `store`; its start function runs. `imports` is an object of objects, as in the JS API:
    /// functions may be JavaScript's or exported functions of the same store.
    ///
    /// Throws `LinkError` where an import is missing or of the wrong type, `TypeError` where one belongs to another store,
    /// `Trap` and what host functions throw from the start function, `WasmtimeError` where a limit of the store forbids it.
    #[napi(constructor, ts_args_type = "store: Store, module: Module, imports?: Imports")]
    pub fn new(this: This<Js>, store: Js, module: Js, imports: Js) -> napi::Result<Self> {
        guard(store.env, || {
            constructing::<Instance>(this.object)?;
            let core = &store.class::<Store>("store")?.core;
            let wasm = &of_engine(&module, &core.engine)?.module;
            core.usable()?;
            let resolved = core.resolve(module, wasm, imports)?;
            let instance = core.enter(|mut context| {
                let mut externs = Vec::with_capacity(resolved.len());
                for import in resolved {
                    externs.push(match import {
                        Import::Item(item) => item.to_extern(core)?,
                        Import::Host(ty, place) => {
                            let sig = Sig::new(&ty);
                            core.host_func(&mut context, ty, &sig, place).into()
                        }
                    });
                }
                wasmtime::Instance::new(context, wasm, &externs).map_err(trap::failure)
            })??;
            core.bind_object(this.object)?;
            Ok(Instance {
                core: core.clone(),
                instance,
            })
        })
    }

    /// What the module exports, by name: functions are plain JavaScript functions, the rest objects of `Memory`, `Table` and
    /// `Global`. The object is frozen and has no prototype.
    #[napi(getter, ts_return_type = "any")]
    pub fn exports(&self, env: napi::Env, this: This<Js>) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || {
            let core = &self.core;
            let items = core.enter(|mut context| {
                let exports: Vec<_> = self
                    .instance
                    .exports(&mut context)
                    .map(|e| (e.name().to_owned(), e.into_extern()))
                    .collect();
                exports
                    .into_iter()
                    .map(|(name, item)| (name, Item::from_extern(core, &mut context, item)))
                    .collect::<Vec<_>>()
            })?;
            let names = Js::array(env, items.iter().map(|(name, _)| Js::string(env, name)))?;
            let values = Js::array(env, items.iter().map(|(_, item)| item.to_js(core)))?;
            core.table()?.invoke("exports", &[this.object, names, values])
        })
    }
}
