//! What a call needs to know of a function's type.

use std::sync::Arc;

use wasmtime::{FuncType, HeapType, RefType, ValType};

/// A signature. `text` is the facade's name for it, by which it makes (once) the JavaScript that reads and writes the slots.
pub struct Sig {
    /// `i32,externref:f64`: the kinds of all values.
    pub text: String,
    pub params: usize,
    pub results: usize,
    /// Without references.
    pub plain: bool,
    pub param_refs: Refs,
    pub result_refs: Refs,
}

/// Where among the slots there are references, and of which types.
pub type Refs = Vec<(u16, RefType)>;

fn refs(types: impl Iterator<Item = ValType>) -> Refs {
    let places = types.enumerate().map(|(place, ty)| (place as u16, ty));
    places
        .filter_map(|(place, ty)| Some((place, ty.as_ref()?.clone())))
        .collect()
}

/// How values of a type cross, by name; lib/call.ts has a row for each. That a reference is of its very type is checked in
/// native code ([`crate::val`]): here it is only of its family.
pub fn kind(ty: &ValType) -> &'static str {
    let ValType::Ref(ty) = ty else {
        return match ty {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            _ => "v128",
        };
    };
    match (ty.heap_type().top(), ty.is_nullable()) {
        (HeapType::Func, true) => "funcref",
        (HeapType::Func, false) => "(ref func)",
        (HeapType::Extern, true) => "externref",
        (HeapType::Extern, false) => "(ref extern)",
        (HeapType::Any, true) => "anyref",
        (HeapType::Any, false) => "(ref any)",
        (HeapType::Exn, true) => "exnref",
        (HeapType::Exn, false) => "(ref exn)",
        _ => "contref",
    }
}

/// The kinds of several types, as the facade reads them.
pub fn kinds(types: impl Iterator<Item = ValType>) -> String {
    types.map(|ty| kind(&ty)).collect::<Vec<_>>().join(",")
}
/// The kinds of a signature.
pub fn text(ty: &FuncType) -> String {
    format!("{}:{}", kinds(ty.params()), kinds(ty.results()))
}

impl Sig {
    pub fn new(ty: &FuncType) -> Arc<Sig> {
        let (param_refs, result_refs) = (refs(ty.params()), refs(ty.results()));
        Arc::new(Sig {
            text: text(ty),
            params: ty.params().len(),
            results: ty.results().len(),
            plain: param_refs.is_empty() && result_refs.is_empty(),
            param_refs,
            result_refs,
        })
    }
    /// Slots for arguments or results, whichever are more.
    pub fn slots(&self) -> usize {
        self.params.max(self.results)
    }
}
