//! [feature `gc`] [`StructRef`] and [`ArrayRef`]: a guest's objects in the hands of JavaScript.

use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi_derive::napi;
use wasmtime::{AnyRef, HeapType, Mutability, Rooted, StoreContextMut};

use crate::error::{Error, Failure, Result, guard};
use crate::gc::{take_list, to_vals};
use crate::js::{IntoJs, Js, constructing};
use crate::ref_type::RefType;
use crate::store::Store;
use crate::store_core::{Core, Data};
use crate::trap::failure;
use crate::val::{Given, Taken};
use crate::{exception, gc};

/// The object behind a handle.
struct Held {
    core: Rc<Core>,
    number: u32,
}

impl Held {
    fn new(core: &Rc<Core>, number: u32) -> Held {
        core.objects.retain(number);
        Held {
            core: core.clone(),
            number,
        }
    }
    fn enter<R>(&self, body: impl FnOnce(&mut StoreContextMut<'_, Data>, Rooted<AnyRef>) -> Result<R>) -> Result<R> {
        self.core.enter(|context| {
            gc::scope(context, |mut context| {
                let object = self.core.objects.any(&mut context, self.number)?;
                body(&mut context, object)
            })
        })?
    }
    /// Tells the facade that a new object of JavaScript stands for this one.
    fn adopt(&self, object: Js) -> Result<()> {
        let number = Js::number(object.env, self.number.into())?;
        self.core.table()?.invoke("keep", &[object, number])?;
        Ok(())
    }
}
impl Drop for Held {
    fn drop(&mut self) {
        self.core.objects.release(self.number);
    }
}

/// The JavaScript object for one of the guest's, by its number.
pub fn object(core: &Rc<Core>, number: u32) -> Result<Js> {
    if core.objects.is_exn(number)? {
        return exception::object(core, number);
    }
    let is_struct = core.enter(|context| {
        gc::scope(context, |mut context| {
            let object = core.objects.any(&mut context, number)?;
            object.is_struct(&context).map_err(failure)
        })
    })??;
    let held = Held::new(core, number);
    if is_struct {
        StructRef { held }.into_js(core.env)
    } else {
        ArrayRef { held }.into_js(core.env)
    }
}

fn outside(index: u64, len: u64, what: &str) -> Failure {
    Error::range_error(format!("{index} is outside of the {what}, which has {len}")).into()
}
fn constant() -> Failure {
    Error::type_error("the field is a constant").into()
}
fn mismatch(ty: &wasmtime::RefType, wanted: &str) -> Failure {
    let message = format!("type must be one of a {wanted}, got {}", crate::ref_type::text(ty));
    Error::type_error(message).into()
}

/// A struct of a guest. The same struct is the same object here, as long as JavaScript holds it.
///
/// @example
/// ```ts
/// const point = instance.exports.makePoint(1, 2) as StructRef
/// point.get(0) // 1
/// point.set(0, 5)
/// ```
#[napi]
pub struct StructRef {
    held: Held,
}

#[napi]
impl StructRef {
    /// Makes a struct in `store`, of a type of its engine, with a value for each field.
    ///
    /// Throws `TypeError` for a type that is no struct's and values that do not convert, `RangeError` for too few or too
    /// many.
    #[napi(constructor, ts_args_type = "store: Store, type: RefType, fields: Iterable<unknown>")]
    pub fn new(this: This<Js>, store: Js, ty: Js, fields: Js) -> napi::Result<Self> {
        guard(store.env, || {
            constructing::<StructRef>(this.object)?;
            let core = &store.class::<Store>("store")?.core;
            let ty = RefType::read(&core.engine.engine, ty, "type")?;
            let HeapType::ConcreteStruct(ty) = ty.heap_type() else {
                return Err(mismatch(&ty, "struct"));
            };
            core.usable()?;
            let types: Vec<_> = ty.fields().map(|field| field.element_type().unpack().clone()).collect();
            let fields = values(core, fields)?;
            if fields.len()? as usize != types.len() {
                let message = format!("the struct has {} fields, got {}", types.len(), fields.len()?);
                return Err(Error::range_error(message).into());
            }
            let taken = take_list(core, fields, &types)?;
            let number = core.enter(|context| {
                gc::scope(context, |mut context| {
                    let vals = to_vals(core, &mut context, &taken, &types)?;
                    let pre = wasmtime::StructRefPre::new(&mut context, ty.clone());
                    let made = wasmtime::StructRef::new(&mut context, &pre, &vals).map_err(failure)?;
                    core.objects.number_of_any(&mut context, made.to_anyref())
                })
            })??;
            let held = Held::new(core, number);
            held.adopt(this.object)?;
            Ok(StructRef { held })
        })
    }

    fn with<R>(
        &self,
        body: impl FnOnce(&mut StoreContextMut<'_, Data>, Rooted<wasmtime::StructRef>) -> Result<R>,
    ) -> Result<R> {
        self.held
            .enter(|context, object| body(context, object.unwrap_struct(&*context).map_err(failure)?))
    }
    fn ty(&self) -> Result<wasmtime::StructType> {
        self.with(|context, object| object.ty(&*context).map_err(failure))
    }

    /// Its type: of references to it that are never null.
    #[napi(getter, js_name = "type", ts_return_type = "RefType")]
    pub fn struct_type(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            RefType::wrap(env.raw(), &wasmtime::RefType::new(false, self.ty()?.into()))
        })
    }

    /// The number of fields.
    #[napi(getter)]
    pub fn length(&self, env: napi::Env) -> napi::Result<u32> {
        guard(env.raw(), || Ok(self.ty()?.fields().len() as u32))
    }

    /// The value of a field. Packed ones (`i8`, `i16`) come without a sign.
    ///
    /// Throws `RangeError` for a field that it does not have.
    #[napi(ts_args_type = "index: number", ts_return_type = "any")]
    pub fn get(&self, index: Js) -> napi::Result<Js> {
        guard(index.env, || {
            let at = index.to_u32("index")?;
            let core = &self.held.core;
            let given = self.with(|context, object| {
                let len = object.ty(&*context).map_err(failure)?.fields().len();
                if at as usize >= len {
                    return Err(outside(at.into(), len as u64, "struct's fields"));
                }
                let val = object.field(&mut *context, at as usize).map_err(failure)?;
                Given::from_val(core, context, val)
            })?;
            given.to_js(core)
        })
    }

    /// Sets a field, with the value converted as by a call.
    ///
    /// Throws `RangeError` for a field that it does not have, `TypeError` for a constant and for a value that does not
    /// convert.
    #[napi(ts_args_type = "index: number, value: unknown")]
    pub fn set(&self, index: Js, value: Js) -> napi::Result<()> {
        guard(index.env, || {
            let at = index.to_u32("index")? as usize;
            let ty = self.ty()?;
            let field = ty
                .field(at)
                .ok_or_else(|| outside(at as u64, ty.fields().len() as u64, "struct's fields"))?;
            if field.mutability() == Mutability::Const {
                return Err(constant());
            }
            let core = &self.held.core;
            let ty = field.element_type().unpack();
            let taken = Taken::from_js(core, value, ty)?;
            self.with(|context, object| {
                let val = taken.to_val(core, context, ty)?;
                object.set_field(context, at, val).map_err(failure)
            })
        })
    }
}

/// An array of a guest. The same array is the same object here, as long as JavaScript holds it.
///
/// @example
/// ```ts
/// const bytes = RefType.array(engine, { type: 'i8', mutable: true })
/// const text = new ArrayRef(store, bytes, Buffer.from('hello'))
/// instance.exports.print(text)
/// ```
#[napi]
pub struct ArrayRef {
    held: Held,
}

#[napi]
impl ArrayRef {
    /// Makes an array in `store`, of a type of its engine, with these elements.
    ///
    /// Throws `TypeError` for a type that is no array's and values that do not convert.
    #[napi(
        constructor,
        ts_args_type = "store: Store, type: RefType, elements: Iterable<unknown>"
    )]
    pub fn new(this: This<Js>, store: Js, ty: Js, elements: Js) -> napi::Result<Self> {
        guard(store.env, || {
            constructing::<ArrayRef>(this.object)?;
            let core = &store.class::<Store>("store")?.core;
            let ty = RefType::read(&core.engine.engine, ty, "type")?;
            let HeapType::ConcreteArray(ty) = ty.heap_type() else {
                return Err(mismatch(&ty, "array"));
            };
            core.usable()?;
            let elements = values(core, elements)?;
            let types = vec![ty.element_type().unpack().clone(); elements.len()? as usize];
            let taken = take_list(core, elements, &types)?;
            let number = core.enter(|context| {
                gc::scope(context, |mut context| {
                    let vals = to_vals(core, &mut context, &taken, &types)?;
                    let pre = wasmtime::ArrayRefPre::new(&mut context, ty.clone());
                    let made = wasmtime::ArrayRef::new_fixed(&mut context, &pre, &vals).map_err(failure)?;
                    core.objects.number_of_any(&mut context, made.to_anyref())
                })
            })??;
            let held = Held::new(core, number);
            held.adopt(this.object)?;
            Ok(ArrayRef { held })
        })
    }

    fn with<R>(
        &self,
        body: impl FnOnce(&mut StoreContextMut<'_, Data>, Rooted<wasmtime::ArrayRef>) -> Result<R>,
    ) -> Result<R> {
        self.held
            .enter(|context, object| body(context, object.unwrap_array(&*context).map_err(failure)?))
    }
    fn ty(&self) -> Result<wasmtime::ArrayType> {
        self.with(|context, object| object.ty(&*context).map_err(failure))
    }

    /// Its type: of references to it that are never null.
    #[napi(getter, js_name = "type", ts_return_type = "RefType")]
    pub fn array_type(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            RefType::wrap(env.raw(), &wasmtime::RefType::new(false, self.ty()?.into()))
        })
    }

    /// The number of elements.
    #[napi(getter)]
    pub fn length(&self, env: napi::Env) -> napi::Result<u32> {
        guard(env.raw(), || {
            self.with(|context, object| object.len(&*context).map_err(failure))
        })
    }

    /// The value of an element. Packed ones (`i8`, `i16`) come without a sign.
    ///
    /// Throws `RangeError` outside of the array.
    #[napi(ts_args_type = "index: number", ts_return_type = "any")]
    pub fn get(&self, index: Js) -> napi::Result<Js> {
        guard(index.env, || {
            let at = index.to_u32("index")?;
            let core = &self.held.core;
            let given = self.with(|context, object| {
                let len = object.len(&*context).map_err(failure)?;
                if at >= len {
                    return Err(outside(at.into(), len.into(), "array's elements"));
                }
                let val = object.get(&mut *context, at).map_err(failure)?;
                Given::from_val(core, context, val)
            })?;
            given.to_js(core)
        })
    }

    /// Sets an element, with the value converted as by a call.
    ///
    /// Throws `RangeError` outside of the array, `TypeError` for an array of constants and for a value that does not
    /// convert.
    #[napi(ts_args_type = "index: number, value: unknown")]
    pub fn set(&self, index: Js, value: Js) -> napi::Result<()> {
        guard(index.env, || {
            let at = index.to_u32("index")?;
            let core = &self.held.core;
            let (ty, len) = self.with(|context, object| {
                let len = object.len(&*context).map_err(failure)?;
                Ok((object.ty(&*context).map_err(failure)?, len))
            })?;
            if at >= len {
                return Err(outside(at.into(), len.into(), "array's elements"));
            }
            if ty.mutability() == Mutability::Const {
                return Err(constant());
            }
            let element = ty.element_type();
            let taken = Taken::from_js(core, value, element.unpack())?;
            self.with(|context, object| {
                let val = taken.to_val(core, context, element.unpack())?;
                object.set(context, at, val).map_err(failure)
            })
        })
    }
}

/// The values of an iterable, as an array.
fn values(core: &Core, iterable: Js) -> Result<Js> {
    core.table()?.invoke("list", &[iterable])
}
