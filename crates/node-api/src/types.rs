//! Types in JavaScript's words: the vocabulary of the JS API's type reflection, for imports, exports and host functions.

use napi::sys;
use wasmtime::{
    Engine, ExternType, FuncType, GlobalType, HeapType, MemoryType, MemoryTypeBuilder, Mutability, RefType, TableType,
    ValType,
};

use crate::error::{Error, Failure, Result};
use crate::js::Js;

const REFS: [(&str, RefType); 12] = [
    ("funcref", RefType::FUNCREF),
    ("externref", RefType::EXTERNREF),
    ("anyref", RefType::ANYREF),
    ("eqref", RefType::EQREF),
    ("i31ref", RefType::I31REF),
    ("structref", RefType::STRUCTREF),
    ("arrayref", RefType::ARRAYREF),
    ("exnref", RefType::EXNREF),
    ("nullref", RefType::NULLREF),
    ("nullfuncref", RefType::NULLFUNCREF),
    ("nullexternref", RefType::NULLEXTERNREF),
    ("anyfunc", RefType::FUNCREF),
];

/// The name of a type: `i32`, `externref`, or WAT's `(ref …)` where there is no short one.
pub fn val_type_name(ty: &ValType) -> String {
    match ty {
        ValType::Ref(r) => ref_type_name(r),
        other => other.to_string(),
    }
}
pub fn ref_type_name(ty: &RefType) -> String {
    // Concrete types belong to an engine, so types are compared and not matched against the table's constants.
    REFS.iter()
        .find(|(_, known)| RefType::eq(known, ty))
        .map_or_else(|| ty.to_string(), |(name, _)| (*name).into())
}

pub fn val_type(name: Js, what: &str) -> Result<ValType> {
    let text = name.to_str(what)?;
    Ok(match text.as_str() {
        "i32" => ValType::I32,
        "i64" => ValType::I64,
        "f32" => ValType::F32,
        "f64" => ValType::F64,
        "v128" => ValType::V128,
        "(ref extern)" => ValType::Ref(RefType::new(false, HeapType::Extern)),
        "(ref func)" => ValType::Ref(RefType::new(false, HeapType::Func)),
        other => match REFS.iter().find(|(known, _)| *known == other) {
            Some((_, ty)) => ValType::Ref(ty.clone()),
            None => {
                return Err(Error::type_error(format!("{what}: '{other}' is no wasm type")).into());
            }
        },
    })
}

fn val_types(list: Js, what: &str) -> Result<Vec<ValType>> {
    if !list.is_array() {
        return Err(Error::type_error(format!("{what} must be an array of types, got {}", list.describe())).into());
    }
    let len = list.len()?;
    if len > 1000 {
        return Err(Error::range_error(format!("{what} has {len} types; a function has at most 1000")).into());
    }
    (0..len)
        .map(|i| val_type(list.index(i)?, &format!("{what}[{i}]")))
        .collect()
}

/// Reads a `FuncType`: `{ parameters, results }`.
pub fn func_type(engine: &Engine, ty: Js) -> Result<FuncType> {
    let ty = ty.to_object("type")?;
    let parameters = val_types(ty.get("parameters")?, "type.parameters")?;
    let results = val_types(ty.get("results")?, "type.results")?;
    Ok(FuncType::new(engine, parameters, results))
}

/// Reads a member of a descriptor that may be a number or, for 64-bit things, a bigint.
fn limit(descriptor: Js, name: &str) -> Result<Option<u64>> {
    let value = descriptor.get(name)?;
    if value.is_undefined() {
        Ok(None)
    } else {
        value.to_u64(name, u64::MAX).map(Some)
    }
}
fn address_is_64(descriptor: Js) -> Result<bool> {
    let value = descriptor.get("address")?;
    if value.is_undefined() {
        return Ok(false);
    }
    match value.to_str("address")?.as_str() {
        "i32" => Ok(false),
        "i64" => Ok(true),
        other => Err(Error::type_error(format!("address must be 'i32' or 'i64', got '{other}'")).into()),
    }
}
fn initial(descriptor: Js) -> Result<u64> {
    limit(descriptor, "initial")?.ok_or_else(|| Error::type_error("initial must be a number, got undefined").into())
}

/// Reads a memory's descriptor.
pub fn memory_type(descriptor: Js) -> Result<MemoryType> {
    let descriptor = descriptor.to_object("type")?;
    let shared = descriptor.get("shared")?;
    let mut builder = MemoryTypeBuilder::new();
    builder
        .min(initial(descriptor)?)
        .max(limit(descriptor, "maximum")?)
        .memory64(address_is_64(descriptor)?)
        .shared(!shared.is_undefined() && shared.to_bool("shared")?);
    builder.build().map_err(out_of_range)
}

/// Reads a table's descriptor.
pub fn table_type(descriptor: Js) -> Result<TableType> {
    let descriptor = descriptor.to_object("type")?;
    let element = match val_type(descriptor.get("element")?, "element")? {
        ValType::Ref(element) => element,
        other => {
            return Err(Error::type_error(format!("element must be a reference type, got {other}")).into());
        }
    };
    let (min, max) = (initial(descriptor)?, limit(descriptor, "maximum")?);
    if max.is_some_and(|max| max < min) {
        return Err(Error::range_error("maximum must not be less than initial").into());
    }
    if address_is_64(descriptor)? {
        return Ok(TableType::new64(element, min, max));
    }
    let narrow = |n: u64| u32::try_from(n).map_err(|_| Error::range_error(format!("{n} elements are more than 2³²-1")));
    Ok(TableType::new(element, narrow(min)?, max.map(narrow).transpose()?))
}

/// Reads a global's descriptor.
pub fn global_type(descriptor: Js) -> Result<GlobalType> {
    let descriptor = descriptor.to_object("type")?;
    let mutable = descriptor.get("mutable")?;
    let mutable = !mutable.is_undefined() && mutable.to_bool("mutable")?;
    let mutability = if mutable { Mutability::Var } else { Mutability::Const };
    Ok(GlobalType::new(val_type(descriptor.get("type")?, "type")?, mutability))
}

/// A size that Wasmtime refuses.
pub fn out_of_range(error: wasmtime::Error) -> Failure {
    Error::range_error(format!("{error:#}")).into()
}

pub fn kind(ty: &ExternType) -> &'static str {
    match ty {
        ExternType::Func(_) => "function",
        ExternType::Global(_) => "global",
        ExternType::Table(_) => "table",
        ExternType::Memory(_) => "memory",
        ExternType::Tag(_) => "tag",
    }
}

/// `{ name, kind, type }`.
pub fn extern_type(env: sys::napi_env, name: &str, ty: &ExternType) -> Result<Js> {
    let object = Js::object(env)?;
    object.set("name", Js::string(env, name)?)?;
    object.set("kind", Js::string(env, kind(ty))?)?;
    object.set(
        "type",
        match ty {
            ExternType::Func(ty) => func_to_js(env, ty)?,
            ExternType::Global(ty) => global_to_js(env, ty)?,
            ExternType::Table(ty) => table_to_js(env, ty)?,
            ExternType::Memory(ty) => memory_to_js(env, ty)?,
            ExternType::Tag(ty) => {
                let object = Js::object(env)?;
                object.set("parameters", names(env, ty.ty().params())?)?;
                object
            }
        },
    )?;
    Ok(object)
}

fn names(env: sys::napi_env, types: impl Iterator<Item = ValType>) -> Result<Js> {
    Js::array(env, types.map(|ty| Js::string(env, &val_type_name(&ty))))
}
fn func_to_js(env: sys::napi_env, ty: &FuncType) -> Result<Js> {
    let object = Js::object(env)?;
    object.set("parameters", names(env, ty.params())?)?;
    object.set("results", names(env, ty.results())?)?;
    Ok(object)
}
pub fn global_to_js(env: sys::napi_env, ty: &GlobalType) -> Result<Js> {
    let object = Js::object(env)?;
    object.set("type", Js::string(env, &val_type_name(ty.content()))?)?;
    object.set("mutable", Js::bool(env, ty.mutability() == Mutability::Var)?)?;
    Ok(object)
}
/// A size in the words of its address type.
pub fn size(env: sys::napi_env, n: u64, is_64: bool) -> Result<Js> {
    if is_64 {
        Js::biguint(env, n)
    } else {
        Js::number(env, n as f64)
    }
}
fn limits(env: sys::napi_env, object: Js, min: u64, max: Option<u64>, is_64: bool) -> Result<()> {
    object.set("initial", size(env, min, is_64)?)?;
    if let Some(max) = max {
        object.set("maximum", size(env, max, is_64)?)?;
    }
    object.set("address", Js::string(env, if is_64 { "i64" } else { "i32" })?)
}
pub fn table_to_js(env: sys::napi_env, ty: &TableType) -> Result<Js> {
    let object = Js::object(env)?;
    object.set("element", Js::string(env, &ref_type_name(ty.element()))?)?;
    limits(env, object, ty.minimum(), ty.maximum(), ty.is_64())?;
    Ok(object)
}
pub fn memory_to_js(env: sys::napi_env, ty: &MemoryType) -> Result<Js> {
    let object = Js::object(env)?;
    limits(env, object, ty.minimum(), ty.maximum(), ty.is_64())?;
    object.set("shared", Js::bool(env, ty.is_shared())?)?;
    object.set("pageSize", Js::number(env, ty.page_size() as f64)?)?;
    Ok(object)
}
