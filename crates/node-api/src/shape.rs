//! What all instances of a module export: their names and types, found out once, as a store may live for one request only.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use napi_derive::napi;
use wasmtime::{Extern, ExternType, Module, StoreContextMut};

use crate::env::EnvData;
use crate::error::{Result, guard};
use crate::externs::Item;
use crate::instance::Instance;
use crate::js::Js;
use crate::sig::Sig;
use crate::store_core::{Core, Data};
use crate::types;

/// A module, with what is known of its exports.
pub struct Shape {
    pub module: Module,
    data: Rc<EnvData>,
    /// By this number the facade (lib/exports.ts) knows it, once it was told.
    number: u32,
    told: Cell<bool>,
    sigs: OnceCell<Vec<Option<Arc<Sig>>>>,
}

impl Shape {
    pub fn new(data: Rc<EnvData>, module: Module) -> Rc<Shape> {
        Rc::new(Shape {
            number: data.shapes.take(),
            data,
            module,
            told: Cell::new(false),
            sigs: OnceCell::new(),
        })
    }
    /// In order; of what is no function there is none.
    fn sigs(&self) -> &[Option<Arc<Sig>>] {
        self.sigs.get_or_init(|| {
            let sig = |ty| match ty {
                ExternType::Func(ty) => Some(Sig::new(&ty)),
                _ => None,
            };
            self.module.exports().map(|export| sig(export.ty())).collect()
        })
    }
    /// The numbers of all that an instance exports.
    fn numbers(&self, core: &Core, mut context: StoreContextMut<'_, Data>, instance: wasmtime::Instance) -> Vec<u32> {
        let items: Vec<_> = instance.exports(&mut context).map(|e| e.into_extern()).collect();
        let number = |(item, sig): (Extern, &Option<Arc<Sig>>)| match item {
            Extern::Func(func) => core.funcs.number(&mut context, func, sig.as_ref()),
            item => Item::from_extern(core, &mut context, item).number(core),
        };
        items.into_iter().zip(self.sigs()).map(number).collect()
    }
}

impl Shape {
    /// The index of a function in its module, by where its code begins.
    pub fn index_of(&self, code: usize) -> Option<u32> {
        let text = self.module.text();
        if !text.as_ptr_range().contains(&(code as *const u8)) {
            return None;
        }
        let offset = code - text.as_ptr().addr();
        let function = self.module.functions().find(|function| function.offset == offset)?;
        Some(function.index.as_u32())
    }
}

impl Drop for Shape {
    fn drop(&mut self) {
        self.data.shapes.give_back(self.number);
    }
}

impl Instance {
    fn shape(&self) -> Result<Rc<Shape>> {
        self.core
            .enter(|context| self.core.shape(self.instance.module(&context)))?
    }
    /// The number of the shape, negated and less one where the facade does not know it. The numbers of what is exported are
    /// behind the slots, or where there are too many, in an array with that one.
    pub fn numbers(&self) -> Result<Js> {
        let (core, env) = (&self.core, self.core.env);
        let shape = self.shape()?;
        let mut numbers = core.enter(|context| shape.numbers(core, context, self.instance))?;
        let number = f64::from(shape.number);
        let number = Js::number(env, if shape.told.get() { number } else { -1.0 - number })?;
        if core.data.has_room(numbers.len()) {
            core.data.answer(&mut numbers);
            return Ok(number);
        }
        let numbers = numbers.into_iter().map(|number| Js::number(env, number.into()));
        Js::array(env, [Ok(number)].into_iter().chain(numbers))
    }
}

/// For the facade: the names of the functions among the exports, where they are the same for all instances, else undefined.
#[napi(skip_typescript)]
pub fn names_of(instance: Js) -> napi::Result<Js> {
    let env = instance.env;
    guard(env, || {
        let instance = instance.class::<Instance>("instance")?;
        let (core, shape) = (&instance.core, instance.shape()?);
        let numbers = core.enter(|context| shape.numbers(core, context, instance.instance))?;
        let name = |(number, sig): (u32, &Option<Arc<Sig>>)| -> Result<Option<u32>> {
            match sig {
                Some(_) => Ok(shape.index_of(core.funcs.code(core, number)?)),
                None => Ok(None),
            }
        };
        let names = numbers.into_iter().zip(shape.sigs()).map(name);
        Js::array(
            env,
            names.map(|name| match name? {
                Some(index) => Js::string(env, &index.to_string()),
                None => Js::undefined(env),
            }),
        )
    })
}

/// For the facade: two for each export, its name, and its signature or what else it is.
#[napi(skip_typescript)]
pub fn shape_of(instance: Js) -> napi::Result<Js> {
    let env = instance.env;
    guard(env, || {
        let shape = instance.class::<Instance>("instance")?.shape()?;
        let exports = shape.module.exports().zip(shape.sigs());
        let texts = exports.flat_map(|(export, sig)| {
            let kind = || types::kind(&export.ty());
            [
                Js::string(env, export.name()),
                Js::string(env, sig.as_ref().map_or_else(kind, |sig| &sig.text)),
            ]
        });
        let texts = Js::array(env, texts)?;
        shape.told.set(true);
        Ok(texts)
    })
}
