//! What a call needs to know of a function's type.

use std::sync::Arc;

use wasmtime::{FuncType, HeapType, ValType};

use crate::types;

/// A signature. `text` is the facade's name for it, by which it makes (once) the JavaScript that reads and writes the slots.
pub struct Sig {
    /// `i32,externref:f64`.
    pub text: String,
    pub params: usize,
    pub results: usize,
    /// Without references.
    pub plain: bool,
    pub param_refs: Refs,
    pub result_refs: Refs,
}

/// Where among the slots there are references.
#[derive(Default)]
pub struct Refs {
    pub externs: Vec<u16>,
    pub funcs: Vec<u16>,
    /// Those of them that must not be null.
    pub required: Vec<u16>,
    /// The name of a type that has no way into JavaScript.
    pub unknown: Option<String>,
}

impl Refs {
    fn find(types: impl Iterator<Item = ValType>) -> Refs {
        let mut refs = Refs::default();
        for (place, ty) in types.enumerate() {
            let ValType::Ref(ty) = ty else { continue };
            if !ty.is_nullable() {
                refs.required.push(place as u16);
            }
            match ty.heap_type() {
                HeapType::Extern => refs.externs.push(place as u16),
                HeapType::Func => refs.funcs.push(place as u16),
                _ => refs.unknown = Some(types::ref_type_name(&ty)),
            }
        }
        refs
    }
    fn none(&self) -> bool {
        self.externs.is_empty() && self.funcs.is_empty() && self.unknown.is_none()
    }
}

impl Sig {
    pub fn new(ty: &FuncType) -> Arc<Sig> {
        let names = |types: &mut dyn Iterator<Item = ValType>| {
            types.map(|ty| types::val_type_name(&ty)).collect::<Vec<_>>().join(",")
        };
        let (param_refs, result_refs) = (Refs::find(ty.params()), Refs::find(ty.results()));
        Arc::new(Sig {
            text: format!("{}:{}", names(&mut ty.params()), names(&mut ty.results())),
            params: ty.params().len(),
            results: ty.results().len(),
            plain: param_refs.none() && result_refs.none(),
            param_refs,
            result_refs,
        })
    }
    /// Slots for arguments or results, whichever are more.
    pub fn slots(&self) -> usize {
        self.params.max(self.results)
    }
}
