//! One value on its way between JavaScript and a global or a table (calls have a faster way: [`crate::func`]).

use wasmtime::{HeapType, Ref, StoreContextMut, V128, Val, ValType};

use crate::error::{Error, Result};
use crate::gc;
use crate::js::Js;
use crate::store::{Core, Data};
use crate::types;

/// A value that needs neither JavaScript nor a store. References are numbers in the store's host table and function list,
/// from 1; 0 is null.
#[derive(Clone, Copy)]
pub enum Plain {
    I32(i32),
    I64(i64),
    F32(f32),
    F64(f64),
    V128(u128),
    Extern(u32),
    Func(u32),
}

impl Plain {
    /// Converts as the JS API does. User code may run (`valueOf`), so no store context may be held.
    pub fn from_js(core: &Core, value: Js, ty: &ValType) -> Result<Plain> {
        let name = Js::string(core.env, &types::val_type_name(ty))?;
        let value = core.table()?.invoke("toWasm", &[name, value])?;
        Ok(match ty {
            ValType::I32 => Plain::I32(value.to_f64("value")? as i32),
            ValType::I64 => Plain::I64(value.to_i64("value")?),
            ValType::F32 => Plain::F32(value.to_f64("value")? as f32),
            ValType::F64 => Plain::F64(value.to_f64("value")?),
            ValType::V128 => {
                let bytes = crate::bytes::Bytes::read(value, "value")?;
                let bytes: [u8; 16] = (*bytes)
                    .try_into()
                    .map_err(|_| Error::internal("a v128 of the wrong size"))?;
                Plain::V128(u128::from_le_bytes(bytes))
            }
            ValType::Ref(ty) => match ty.heap_type() {
                HeapType::Extern => Plain::Extern(value.to_u32("value")?),
                HeapType::Func => Plain::Func(value.to_u32("value")?),
                _ => return Err(no_way(&types::ref_type_name(ty)).into()),
            },
        })
    }

    pub fn to_js(self, core: &Core) -> Result<Js> {
        let env = core.env;
        let by_number = |method, number: u32| {
            if number == 0 {
                Js::null(env)
            } else {
                core.table()?.invoke(method, &[Js::number(env, number.into())?])
            }
        };
        match self {
            Plain::I32(n) => Js::number(env, n.into()),
            Plain::I64(n) => Js::bigint(env, n),
            Plain::F32(n) => Js::number(env, n.into()),
            Plain::F64(n) => Js::number(env, n),
            Plain::V128(n) => Js::bytes(env, &n.to_le_bytes()),
            Plain::Extern(number) => by_number("value", number),
            Plain::Func(number) => by_number("func", number),
        }
    }

    /// Makes the value in the store. References are rooted in the scope the caller has opened ([`gc::scope`]).
    pub fn to_val(self, core: &Core, context: &mut StoreContextMut<'_, Data>) -> Result<Val> {
        Ok(match self {
            Plain::I32(n) => Val::I32(n),
            Plain::I64(n) => Val::I64(n),
            Plain::F32(n) => Val::F32(n.to_bits()),
            Plain::F64(n) => Val::F64(n.to_bits()),
            Plain::V128(n) => Val::V128(V128::from(n)),
            Plain::Extern(0) => Val::ExternRef(None),
            Plain::Extern(number) => Val::ExternRef(Some(gc::extern_ref(core, context, number)?)),
            Plain::Func(0) => Val::FuncRef(None),
            Plain::Func(number) => Val::FuncRef(Some(core.funcs.get(number)?)),
        })
    }

    pub fn from_val(core: &Core, context: &mut StoreContextMut<'_, Data>, val: Val) -> Result<Plain> {
        Ok(match val {
            Val::I32(n) => Plain::I32(n),
            Val::I64(n) => Plain::I64(n),
            Val::F32(bits) => Plain::F32(f32::from_bits(bits)),
            Val::F64(bits) => Plain::F64(f64::from_bits(bits)),
            Val::V128(n) => Plain::V128(n.as_u128()),
            Val::FuncRef(None) => Plain::Func(0),
            Val::FuncRef(Some(func)) => Plain::Func(core.funcs.number(context, func, None)),
            Val::ExternRef(None) => Plain::Extern(0),
            Val::ExternRef(Some(r)) => Plain::Extern(gc::extern_number(context, &r)?),
            other => {
                return Err(no_way(
                    &other
                        .ty(&context)
                        .map(|ty| types::val_type_name(&ty))
                        .unwrap_or_default(),
                )
                .into());
            }
        })
    }

    pub fn to_ref(self, core: &Core, context: &mut StoreContextMut<'_, Data>) -> Result<Ref> {
        let val = self.to_val(core, context)?;
        val.ref_()
            .ok_or_else(|| Error::internal("a reference was expected").into())
    }
}

/// A type whose values have no way into JavaScript yet.
pub fn no_way(ty: &str) -> Error {
    Error::type_error(format!("values of type {ty} can't cross between JavaScript and wasm"))
}
