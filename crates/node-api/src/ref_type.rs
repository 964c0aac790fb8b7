//! [`RefType`]: types that modules define. All others have names (`types.rs`).

use napi::sys;
use napi_derive::napi;
use wasmtime::{
    ArrayType, Engine, FieldType, Finality, FuncType, HeapType, Mutability, StorageType, StructType, ValType,
};

use crate::error::{Error, Failure, Result, guard};
use crate::js::{IntoJs, Js};
use crate::options::{Options, known};
use crate::types;

/// What a reference type is made with beside what it refers to.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct RefTypeOptions {
    /// Whether null is a value of it. Default true, as for `funcref` and its like.
    pub nullable: Option<bool>,
    /// Whether it can have no subtypes. Default true.
    #[napi(js_name = "final")]
    pub r#final: Option<bool>,
    /// A type of the same kind that is not final, and whose fields these begin with.
    #[napi(ts_type = "RefType")]
    pub supertype: Option<Js>,
}
known!(RefTypeOptions {
    nullable,
    r#final,
    supertype
});

/// References to one type of struct, array, function or exception: where abstract types have names (`structref`), types
/// that a module defines are objects of this class. They are found in imports, exports and `StructRef.type`, can be made
/// here, and are used wherever the name of a type is. Types of the same structure are the same type.
///
/// @example
/// ```ts
/// const point = RefType.struct(engine, [{ type: 'f64', mutable: true }, { type: 'f64', mutable: true }])
/// const origin = new StructRef(store, point, [0, 0])
/// String(point) // (ref null (struct (field (mut f64)) (field (mut f64))))
/// ```
#[napi]
pub struct RefType {
    ty: wasmtime::RefType,
}

impl RefType {
    /// The object for a type that has no name.
    pub fn wrap(env: sys::napi_env, ty: &wasmtime::RefType) -> Result<Js> {
        RefType { ty: ty.clone() }.into_js(env)
    }
    /// The type behind such an object, of this engine.
    pub fn read(engine: &Engine, value: Js, what: &str) -> Result<wasmtime::RefType> {
        if !value.is_object() {
            let message = format!("{what} must be a wasm type, got {}", value.describe());
            return Err(Error::type_error(message).into());
        }
        let ty = &value.class::<RefType>(what)?.ty;
        match engine_of(ty.heap_type()) {
            Some(own) if Engine::same(own, engine) => Ok(ty.clone()),
            _ => Err(Error::type_error(format!("{what} belongs to another engine")).into()),
        }
    }
}

fn engine_of(heap: &HeapType) -> Option<&Engine> {
    match heap {
        HeapType::ConcreteStruct(ty) => Some(ty.engine()),
        HeapType::ConcreteArray(ty) => Some(ty.engine()),
        HeapType::ConcreteFunc(ty) => Some(ty.engine()),
        HeapType::ConcreteExn(ty) => Some(ty.engine()),
        _ => None,
    }
}

/// As WAT writes it, what it refers to in its place. A type may contain itself, many times, so there is an end to it.
pub fn text(ty: &wasmtime::RefType) -> String {
    let mut text = String::new();
    write(&mut text, ty, 0);
    text
}
const LONG: usize = 400;

fn write(text: &mut String, ty: &wasmtime::RefType, depth: u32) {
    text.push_str(if ty.is_nullable() { "(ref null " } else { "(ref " });
    match ty.heap_type() {
        heap if heap.is_concrete() && (depth > 3 || text.len() > LONG) => text.push('…'),
        HeapType::ConcreteStruct(ty) => {
            text.push_str("(struct");
            list(text, "field", ty.fields(), |text, field| {
                write_field(text, &field, depth)
            });
            text.push(')');
        }
        HeapType::ConcreteArray(ty) => {
            text.push_str("(array ");
            write_field(text, &ty.field_type(), depth);
            text.push(')');
        }
        HeapType::ConcreteFunc(ty) => {
            text.push_str("(func");
            list(text, "param", ty.params(), |text, ty| write_val(text, &ty, depth));
            list(text, "result", ty.results(), |text, ty| write_val(text, &ty, depth));
            text.push(')');
        }
        HeapType::ConcreteExn(ty) => {
            text.push_str("(exn");
            list(text, "param", ty.tag_type().ty().params(), |text, ty| {
                write_val(text, &ty, depth)
            });
            text.push(')');
        }
        other => text.push_str(&other.to_string()),
    }
    text.push(')');
}
fn list<T>(text: &mut String, name: &str, items: impl Iterator<Item = T>, write: impl Fn(&mut String, T)) {
    for item in items {
        if text.len() > LONG {
            return text.push_str(" …");
        }
        text.push_str(&format!(" ({name} "));
        write(text, item);
        text.push(')');
    }
}
fn write_field(text: &mut String, field: &FieldType, depth: u32) {
    let mutable = field.mutability() == Mutability::Var;
    text.push_str(if mutable { "(mut " } else { "" });
    match field.element_type() {
        StorageType::ValType(ty) => write_val(text, ty, depth),
        packed => text.push_str(&packed.to_string()),
    }
    text.push_str(if mutable { ")" } else { "" });
}
fn write_val(text: &mut String, ty: &ValType, depth: u32) {
    match ty {
        ValType::Ref(ty) if ty.heap_type().is_concrete() => write(text, ty, depth + 1),
        other => text.push_str(&types::val_type_name(other)),
    }
}

fn field_to_js(env: sys::napi_env, ty: &FieldType) -> Result<Js> {
    let object = Js::object(env)?;
    let stored = match ty.element_type() {
        StorageType::ValType(ty) => types::val_type_to_js(env, ty)?,
        packed => Js::string(env, &packed.to_string())?,
    };
    object.set("type", stored)?;
    object.set("mutable", Js::bool(env, ty.mutability() == Mutability::Var)?)?;
    Ok(object)
}

/// Reads a `FieldType`: `{ type, mutable }`.
fn field_type(engine: &Engine, field: Js, what: &str) -> Result<FieldType> {
    let field = field.to_object(what)?;
    let (ty, mutable) = (field.get("type")?, field.get("mutable")?);
    let packed = if ty.is_string() {
        ty.to_str(what)?
    } else {
        String::new()
    };
    let stored = match packed.as_str() {
        "i8" => StorageType::I8,
        "i16" => StorageType::I16,
        _ => StorageType::ValType(types::val_type(engine, ty, &format!("{what}.type"))?),
    };
    let mutable = !mutable.is_undefined() && mutable.to_bool(&format!("{what}.mutable"))?;
    let mutability = if mutable { Mutability::Var } else { Mutability::Const };
    Ok(FieldType::new(mutability, stored))
}

struct Given {
    nullable: bool,
    finality: Finality,
    supertype: Option<HeapType>,
}
fn given(engine: &Engine, options: Js) -> Result<Given> {
    let options = Options::<RefTypeOptions>::new(options, "options")?;
    let supertype = options.some("supertype")?;
    Ok(Given {
        nullable: options.bool("nullable")?.unwrap_or(true),
        finality: match options.bool("r#final")? {
            Some(false) => Finality::NonFinal,
            _ => Finality::Final,
        },
        supertype: supertype
            .map(|ty| RefType::read(engine, ty, "options.supertype").map(|ty| ty.heap_type().clone()))
            .transpose()?,
    })
}
fn refused(error: wasmtime::Error) -> Failure {
    Error::type_error(format!("{error:#}")).into()
}
fn not_of_its_kind<T>() -> Result<T> {
    Err(Error::type_error("options.supertype is of another kind").into())
}

#[napi]
impl RefType {
    /// There is no such constructor; napi would throw an error without a class.
    #[napi(constructor, skip_typescript)]
    pub fn new(env: napi::Env) -> napi::Result<Self> {
        guard(env.raw(), || {
            Err(Error::type_error("RefType has no constructor: use RefType.struct, array or func").into())
        })
    }

    /// References to structs with these fields.
    ///
    /// Throws `TypeError` for fields that are none, or don't fit the supertype.
    #[napi(
        js_name = "struct",
        ts_args_type = "engine: Engine, fields: readonly FieldType[], options?: RefTypeOptions",
        ts_return_type = "RefType"
    )]
    pub fn of_struct(engine: Js, fields: Js, options: Js) -> napi::Result<Js> {
        guard(engine.env, || {
            let own = &engine.class::<crate::engine::Engine>("engine")?.parts.engine;
            if !fields.is_array() {
                return Err(Error::type_error(format!("fields must be an array, got {}", fields.describe())).into());
            }
            let list = (0..fields.len()?)
                .map(|i| field_type(own, fields.index(i)?, &format!("fields[{i}]")))
                .collect::<Result<Vec<_>>>()?;
            let given = given(own, options)?;
            let supertype = match &given.supertype {
                None => None,
                Some(HeapType::ConcreteStruct(ty)) => Some(ty),
                Some(_) => return not_of_its_kind(),
            };
            let ty = StructType::with_finality_and_supertype(own, given.finality, supertype, list).map_err(refused)?;
            RefType::wrap(engine.env, &wasmtime::RefType::new(given.nullable, ty.into()))
        })
    }

    /// References to arrays of such elements.
    ///
    /// Throws `TypeError` for an element that is none, or does not fit the supertype.
    #[napi(
        ts_args_type = "engine: Engine, element: FieldType, options?: RefTypeOptions",
        ts_return_type = "RefType"
    )]
    pub fn array(engine: Js, element: Js, options: Js) -> napi::Result<Js> {
        guard(engine.env, || {
            let own = &engine.class::<crate::engine::Engine>("engine")?.parts.engine;
            let element = field_type(own, element, "element")?;
            let given = given(own, options)?;
            let supertype = match &given.supertype {
                None => None,
                Some(HeapType::ConcreteArray(ty)) => Some(ty),
                Some(_) => return not_of_its_kind(),
            };
            let ty =
                ArrayType::with_finality_and_supertype(own, given.finality, supertype, element).map_err(refused)?;
            RefType::wrap(engine.env, &wasmtime::RefType::new(given.nullable, ty.into()))
        })
    }

    /// References to functions of a type.
    #[napi(
        ts_args_type = "engine: Engine, type: FuncType, options?: RefTypeOptions",
        ts_return_type = "RefType"
    )]
    pub fn func(engine: Js, ty: Js, options: Js) -> napi::Result<Js> {
        guard(engine.env, || {
            let own = &engine.class::<crate::engine::Engine>("engine")?.parts.engine;
            let ty = types::func_type(own, ty)?;
            let given = given(own, options)?;
            let supertype = match &given.supertype {
                None => None,
                Some(HeapType::ConcreteFunc(ty)) => Some(ty),
                Some(_) => return not_of_its_kind(),
            };
            let ty = FuncType::with_finality_and_supertype(own, given.finality, supertype, ty.params(), ty.results())
                .map_err(refused)?;
            RefType::wrap(engine.env, &wasmtime::RefType::new(given.nullable, ty.into()))
        })
    }

    /// What it refers to.
    #[napi(getter, ts_return_type = "'struct' | 'array' | 'function' | 'exn'")]
    pub fn kind(&self, env: napi::Env) -> napi::Result<String> {
        guard(env.raw(), || {
            let kind = match self.ty.heap_type() {
                HeapType::ConcreteStruct(_) => "struct",
                HeapType::ConcreteArray(_) => "array",
                HeapType::ConcreteFunc(_) => "function",
                _ => "exn",
            };
            Ok(kind.into())
        })
    }

    /// Whether null is a value of it.
    #[napi(getter)]
    pub fn nullable(&self, env: napi::Env) -> napi::Result<bool> {
        guard(env.raw(), || Ok(self.ty.is_nullable()))
    }

    /// The fields of a struct, or the one of an array's elements; absent for other kinds.
    #[napi(getter, ts_return_type = "FieldType[] | undefined")]
    pub fn fields(&self, env: napi::Env) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || match self.ty.heap_type() {
            HeapType::ConcreteStruct(ty) => Js::array(env, ty.fields().map(|ty| field_to_js(env, &ty))),
            HeapType::ConcreteArray(ty) => Js::array(env, [field_to_js(env, &ty.field_type())]),
            _ => Js::undefined(env),
        })
    }

    /// The parameters of a function or an exception; absent for other kinds.
    #[napi(getter, ts_return_type = "ValType[] | undefined")]
    pub fn parameters(&self, env: napi::Env) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || match self.ty.heap_type() {
            HeapType::ConcreteFunc(ty) => types::list(env, ty.params()),
            HeapType::ConcreteExn(ty) => types::list(env, ty.tag_type().ty().params()),
            _ => Js::undefined(env),
        })
    }

    /// The results of a function; absent for other kinds.
    #[napi(getter, ts_return_type = "ValType[] | undefined")]
    pub fn results(&self, env: napi::Env) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || match self.ty.heap_type() {
            HeapType::ConcreteFunc(ty) => types::list(env, ty.results()),
            _ => Js::undefined(env),
        })
    }

    /// Whether every value of this type is one of `other`, which is of the same engine.
    ///
    /// Throws `TypeError` for what is no type.
    #[napi(ts_args_type = "other: ValType")]
    pub fn matches(&self, other: Js) -> napi::Result<bool> {
        guard(other.env, || {
            let engine = engine_of(self.ty.heap_type()).ok_or_else(|| Error::internal("a type without an engine"))?;
            let other = types::val_type(engine, other, "other")?;
            Ok(other.as_ref().is_some_and(|other| self.ty.matches(other)))
        })
    }

    /// The type as WAT writes it.
    #[napi(js_name = "toString")]
    pub fn text(&self, env: napi::Env) -> napi::Result<String> {
        guard(env.raw(), || Ok(text(&self.ty)))
    }

    /// The same, for `JSON.stringify`.
    #[napi(js_name = "toJSON")]
    pub fn json(&self, env: napi::Env) -> napi::Result<String> {
        guard(env.raw(), || Ok(text(&self.ty)))
    }
}
