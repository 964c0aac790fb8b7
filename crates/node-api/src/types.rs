//! Types in JavaScript's words: the vocabulary of the JS API's type reflection, for imports, exports and host functions.

use napi::sys;
use wasmtime::{
    Engine, ExternType, FuncType, GlobalType, MemoryType, MemoryTypeBuilder, Mutability, RefType, TableType, TagType,
    ValType,
};

use crate::error::{Error, Failure, Result};
use crate::js::Js;
use crate::trap;

/// Short names of nullable reference types. The last is an old name of the first.
const REFS: [(&str, RefType); 14] = [
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
    ("nullexnref", RefType::NULLEXNREF),
    ("contref", RefType::CONTREF),
    ("anyfunc", RefType::FUNCREF),
];

/// What a message calls a type, and the name it has in JavaScript where it has one: `i32`, `externref`, `(ref any)`.
pub fn val_type_name(ty: &ValType) -> String {
    match ty {
        ValType::Ref(r) => ref_type_name(r),
        other => other.to_string(),
    }
}
pub fn ref_type_name(ty: &RefType) -> String {
    if ty.heap_type().is_concrete() {
        return crate::ref_type::text(ty);
    }
    // Types of an engine's own are compared and not matched, so one way for all.
    REFS.iter()
        .find(|(_, known)| RefType::eq(known, ty))
        .map_or_else(|| ty.to_string(), |(name, _)| (*name).into())
}

/// A type in JavaScript: its name, or a [`crate::ref_type::RefType`] for what a module has defined.
pub fn val_type_to_js(env: sys::napi_env, ty: &ValType) -> Result<Js> {
    match ty {
        ValType::Ref(r) if r.heap_type().is_concrete() => crate::ref_type::RefType::wrap(env, r),
        other => Js::string(env, &val_type_name(other)),
    }
}

pub fn val_type(engine: &Engine, ty: Js, what: &str) -> Result<ValType> {
    if !ty.is_string() {
        return Ok(ValType::Ref(crate::ref_type::RefType::read(engine, ty, what)?));
    }
    let text = ty.to_str(what)?;
    let number = match text.as_str() {
        "i32" => Some(ValType::I32),
        "i64" => Some(ValType::I64),
        "f32" => Some(ValType::F32),
        "f64" => Some(ValType::F64),
        "v128" => Some(ValType::V128),
        _ => None,
    };
    let found = number.or_else(|| abstract_ref(&text).map(ValType::Ref));
    found.ok_or_else(|| Error::type_error(format!("{what}: '{text}' is no wasm type")).into())
}
/// `eqref`, `(ref null eq)`, `(ref eq)`.
fn abstract_ref(text: &str) -> Option<RefType> {
    if let Some((_, ty)) = REFS.iter().find(|(known, _)| *known == text) {
        return Some(ty.clone());
    }
    let heap = text.strip_prefix("(ref ")?.strip_suffix(')')?;
    let nullable = heap.strip_prefix("null ");
    let heap = nullable.unwrap_or(heap);
    // `Display` writes the heap type's name as WAT does.
    let named = |(_, ty): &&(&str, RefType)| ty.heap_type().to_string() == heap;
    let (_, ty) = REFS.iter().find(named)?;
    Some(RefType::new(nullable.is_some(), ty.heap_type().clone()))
}

fn val_types(engine: &Engine, list: Js, what: &str) -> Result<Vec<ValType>> {
    if !list.is_array() {
        return Err(Error::type_error(format!("{what} must be an array of types, got {}", list.describe())).into());
    }
    let len = list.len()?;
    if len > 1000 {
        return Err(Error::range_error(format!("{what} has {len} types; a function has at most 1000")).into());
    }
    (0..len)
        .map(|i| val_type(engine, list.index(i)?, &format!("{what}[{i}]")))
        .collect()
}

/// Reads a `FuncType`: `{ parameters, results }`.
pub fn func_type(engine: &Engine, ty: Js) -> Result<FuncType> {
    let ty = ty.to_object("type")?;
    let parameters = val_types(engine, ty.get("parameters")?, "type.parameters")?;
    let results = val_types(engine, ty.get("results")?, "type.results")?;
    Ok(FuncType::new(engine, parameters, results))
}

/// Reads a `TagType`: `{ parameters }`.
pub fn tag_type(engine: &Engine, ty: Js) -> Result<TagType> {
    let parameters = val_types(engine, ty.to_object("type")?.get("parameters")?, "type.parameters")?;
    Ok(TagType::new(FuncType::new(engine, parameters, [])))
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
    match limit(descriptor, "pageSize")? {
        None | Some(65536) => {}
        Some(1) => {
            builder.page_size_log2(0);
        }
        Some(_) => return Err(Error::range_error("pageSize must be 65536 or 1").into()),
    }
    builder
        .min(initial(descriptor)?)
        .max(limit(descriptor, "maximum")?)
        .memory64(address_is_64(descriptor)?)
        .shared(!shared.is_undefined() && shared.to_bool("shared")?);
    builder.build().map_err(out_of_range)
}

/// Reads a table's descriptor.
pub fn table_type(engine: &Engine, descriptor: Js) -> Result<TableType> {
    let descriptor = descriptor.to_object("type")?;
    let element = match val_type(engine, descriptor.get("element")?, "element")? {
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
pub fn global_type(engine: &Engine, descriptor: Js) -> Result<GlobalType> {
    let descriptor = descriptor.to_object("type")?;
    let mutable = descriptor.get("mutable")?;
    let mutable = !mutable.is_undefined() && mutable.to_bool("mutable")?;
    let mutability = if mutable { Mutability::Var } else { Mutability::Const };
    Ok(GlobalType::new(
        val_type(engine, descriptor.get("type")?, "type")?,
        mutability,
    ))
}

/// A size that Wasmtime refuses.
pub fn out_of_range(error: wasmtime::Error) -> Failure {
    Error::range_error(trap::text(&error)).into()
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
            ExternType::Tag(ty) => tag_to_js(env, ty)?,
        },
    )?;
    Ok(object)
}

pub fn list(env: sys::napi_env, types: impl Iterator<Item = ValType>) -> Result<Js> {
    Js::array(env, types.map(|ty| val_type_to_js(env, &ty)))
}
pub fn tag_to_js(env: sys::napi_env, ty: &TagType) -> Result<Js> {
    let object = Js::object(env)?;
    object.set("parameters", list(env, ty.ty().params())?)?;
    Ok(object)
}
pub fn func_to_js(env: sys::napi_env, ty: &FuncType) -> Result<Js> {
    let object = Js::object(env)?;
    object.set("parameters", list(env, ty.params())?)?;
    object.set("results", list(env, ty.results())?)?;
    Ok(object)
}
pub fn global_to_js(env: sys::napi_env, ty: &GlobalType) -> Result<Js> {
    let object = Js::object(env)?;
    object.set("type", val_type_to_js(env, ty.content())?)?;
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
    object.set("element", val_type_to_js(env, &ValType::Ref(ty.element().clone()))?)?;
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
