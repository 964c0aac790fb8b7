//! [`Global`].

use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi_derive::napi;
use wasmtime::GlobalType;

use crate::error::{Error, Result, guard};
use crate::externs::Item;
use crate::gc;
use crate::js::{Js, constructing};
use crate::store::Store;
use crate::store_core::Core;
use crate::val::{Given, Taken};
use crate::{sig, types};

/// A global variable that guests and JavaScript share.
///
/// @example
/// ```ts
/// const counter = new Global(store, { type: 'i64', mutable: true }, 0n)
/// new Instance(store, module, { env: { counter } }).exports.count()
/// counter.value // 1n
/// ```
#[napi]
pub struct Global {
    pub(crate) core: Rc<Core>,
    pub(crate) global: wasmtime::Global,
}

impl Global {
    /// A global with a value of JavaScript.
    pub fn make(core: &Core, ty: GlobalType, value: Js) -> Result<wasmtime::Global> {
        let taken = Taken::from_js(core, value, ty.content())?;
        core.enter(|context| {
            gc::scope(context, |mut context| {
                let val = taken.to_val(core, &mut context, ty.content())?;
                wasmtime::Global::new(context, ty, val).map_err(wrong_type)
            })
        })?
    }
    fn read(&self) -> Result<Js> {
        let core = &self.core;
        core.enter(|context| {
            gc::scope(context, |mut context| {
                let val = self.global.get(&mut context);
                Given::from_val(core, &mut context, val)
            })
        })??
        .to_js(core)
    }
}

#[napi]
impl Global {
    /// Makes a global in `store`. Without a value it is 0 or null, and `undefined` for an externref.
    ///
    /// Throws `TypeError` for a type that is none and a value that does not convert.
    #[napi(constructor, ts_args_type = "store: Store, type: GlobalType, value?: unknown")]
    pub fn new(this: This<Js>, store: Js, ty: Js, value: Js) -> napi::Result<Self> {
        guard(store.env, || {
            constructing::<Global>(this.object)?;
            let core = &store.class::<Store>("store")?.core;
            let ty = types::global_type(&core.engine.engine, ty)?;
            core.usable()?;
            let initial = if value.is_undefined() && !ty.content().is_externref() {
                core.table()?
                    .invoke("zero", &[Js::string(store.env, sig::kind(ty.content()))?])?
            } else {
                value
            };
            let global = Global::make(core, ty, initial)?;
            Item::Global(global).adopt(core, this.object)?;
            Ok(Global {
                core: core.clone(),
                global,
            })
        })
    }

    /// The value. Setting it converts as the JS API does.
    ///
    /// Setting throws `TypeError` for a constant and for a value that does not convert.
    #[napi(getter, ts_return_type = "any")]
    pub fn value(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || self.read())
    }
    #[napi(setter, js_name = "value", ts_args_type = "value: any")]
    pub fn set_value(&self, value: Js) -> napi::Result<()> {
        guard(value.env, || {
            let core = &self.core;
            let ty = core.enter(|context| self.global.ty(&context))?;
            if ty.mutability() == wasmtime::Mutability::Const {
                return Err(Error::type_error("the global is a constant").into());
            }
            let taken = Taken::from_js(core, value, ty.content())?;
            core.enter(|context| {
                gc::scope(context, |mut context| {
                    let val = taken.to_val(core, &mut context, ty.content())?;
                    self.global.set(context, val).map_err(wrong_type)
                })
            })?
        })
    }

    /// The value, as `value` has it.
    #[napi(ts_return_type = "any")]
    pub fn value_of(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || self.read())
    }

    /// The type.
    #[napi(getter, js_name = "type", ts_return_type = "GlobalType")]
    pub fn global_type(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            let ty = self.core.enter(|context| self.global.ty(&context))?;
            types::global_to_js(env.raw(), &ty)
        })
    }
}

fn wrong_type(error: wasmtime::Error) -> crate::error::Failure {
    Error::type_error(format!("{error:#}")).into()
}
