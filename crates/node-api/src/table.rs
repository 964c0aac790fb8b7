//! [`Table`].

use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi_derive::napi;
use wasmtime::{RefType, ValType};

use crate::error::{Error, Failure, Result, guard};
use crate::externs::Item;
use crate::gc;
use crate::js::{Js, constructing};
use crate::store::Store;
use crate::store_core::Core;
use crate::val::{Given, Taken};
use crate::{limits, types};

/// A table of references: functions, or any JavaScript values (`externref`).
///
/// @example
/// ```ts
/// const table = instance.exports.__indirect_function_table as Table
/// table.get(3)!(1, 2) // an exported function
/// ```
#[napi]
pub struct Table {
    pub(crate) core: Rc<Core>,
    pub(crate) table: wasmtime::Table,
}

/// What new elements are. Not given they are null, and `undefined` itself where they are any value of JavaScript.
fn initial(core: &Core, value: Js, ty: &RefType) -> Result<Taken> {
    let absent = value.is_undefined() && !ty.heap_type().is_extern();
    let value = if absent { Js::null(value.env)? } else { value };
    Taken::from_js(core, value, &ValType::Ref(ty.clone()))
}

fn outside(index: u64, size: u64) -> Failure {
    Error::range_error(format!("{index} is outside of the table, which has {size} elements")).into()
}

impl Table {
    fn ty(&self) -> Result<wasmtime::TableType> {
        self.core.enter(|context| self.table.ty(&context))
    }
    fn size(&self) -> Result<u64> {
        self.core.enter(|context| self.table.size(&context))
    }
}

#[napi]
impl Table {
    /// Makes a table in `store`, all elements of it `init`. Not given, that is null, or `undefined` for externrefs.
    ///
    /// Throws `RangeError` for sizes that can't be, `TypeError` for an `init` that is no such element.
    #[napi(constructor, ts_args_type = "store: Store, type: TableType, init?: unknown")]
    pub fn new(this: This<Js>, store: Js, ty: Js, init: Js) -> napi::Result<Self> {
        guard(store.env, || {
            constructing::<Table>(this.object)?;
            let core = &store.class::<Store>("store")?.core;
            let ty = types::table_type(&core.engine.engine, ty)?;
            core.usable()?;
            let init = initial(core, init, ty.element())?;
            let table = core.enter(|context| {
                gc::scope(context, |mut context| {
                    let init = init.to_ref(core, &mut context, ty.element())?;
                    limits::make(&mut context, |context| wasmtime::Table::new(context, ty, init))
                        .map_err(types::out_of_range)
                })
            })??;
            Item::Table(table).adopt(core, this.object)?;
            Ok(Table {
                core: core.clone(),
                table,
            })
        })
    }

    /// The number of elements; a bigint for a 64-bit table.
    #[napi(getter, ts_return_type = "number")]
    pub fn length(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || types::size(env.raw(), self.size()?, self.ty()?.is_64()))
    }

    /// The type, with the size it was made with.
    #[napi(getter, js_name = "type", ts_return_type = "TableType")]
    pub fn table_type(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || types::table_to_js(env.raw(), &self.ty()?))
    }

    /// The element at `index`: a function is the same JavaScript function each time.
    ///
    /// Throws `RangeError` outside of the table.
    #[napi(ts_args_type = "index: number | bigint", ts_return_type = "any")]
    pub fn get(&self, index: Js) -> napi::Result<Js> {
        guard(index.env, || {
            let core = &self.core;
            let at = index.to_u64("index", u64::MAX)?;
            let found = core.enter(|context| {
                gc::scope(context, |mut context| {
                    let found = self.table.get(&mut context, at);
                    found
                        .map(|element| Given::from_val(core, &mut context, element.into()))
                        .transpose()
                })
            })??;
            match found {
                Some(element) => element.to_js(core),
                None => Err(outside(at, self.size()?)),
            }
        })
    }

    /// Sets the element at `index`. Not given, the value is null, or `undefined` for externrefs.
    ///
    /// Throws `RangeError` outside of the table, `TypeError` for what is no such element.
    #[napi(ts_args_type = "index: number | bigint, value?: unknown")]
    pub fn set(&self, index: Js, value: Js) -> napi::Result<()> {
        guard(index.env, || {
            let core = &self.core;
            let at = index.to_u64("index", u64::MAX)?;
            let size = self.size()?;
            if at >= size {
                return Err(outside(at, size));
            }
            let ty = self.ty()?;
            let taken = Taken::from_js(core, value, &ValType::Ref(ty.element().clone()))?;
            core.enter(|context| {
                gc::scope(context, |mut context| {
                    let element = taken.to_ref(core, &mut context, ty.element())?;
                    self.table.set(context, at, element).map_err(crate::trap::failure)
                })
            })?
        })
    }

    /// Grows by so many elements, all of them `init` (as for the constructor), and returns the size before.
    ///
    /// Throws `RangeError` beyond the maximum or a limit of the store.
    #[napi(ts_args_type = "delta: number | bigint, init?: unknown", ts_return_type = "number")]
    pub fn grow(&self, delta: Js, init: Js) -> napi::Result<Js> {
        guard(delta.env, || {
            let core = &self.core;
            let by = delta.to_u64("delta", u64::MAX)?;
            let ty = self.ty()?;
            let init = initial(core, init, ty.element())?;
            let before = core.enter(|context| {
                gc::scope(context, |mut context| {
                    let init = init.to_ref(core, &mut context, ty.element())?;
                    self.table.grow(context, by, init).map_err(types::out_of_range)
                })
            })??;
            types::size(delta.env, before, ty.is_64())
        })
    }
}
