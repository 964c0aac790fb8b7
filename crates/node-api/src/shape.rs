//! What all instances of a module export: their names and types, found out once, as a store may live for one request only.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use wasmtime::{Extern, ExternType, ImportType, Module, StoreContextMut};

use crate::env::EnvData;
use crate::error::Result;
use crate::externs::Item;
use crate::interruption::Interruption;
use crate::js::Js;
use crate::sig::Sig;
use crate::store_core::{Core, Data};
use crate::types;

/// A module, with what is known of its exports.
pub struct Shape {
    pub module: Module,
    /// How its guests are stopped.
    pub interruption: Interruption,
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
            interruption: Interruption::of(&module),
            module,
            told: Cell::new(false),
            sigs: OnceCell::new(),
        })
    }
    /// What must be given to instantiate it, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        self.interruption.imports(&self.module)
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

impl Core {
    /// What the facade asks of an instance, which is named by its number. First: the number of its shape, negated and less one
    /// where the facade does not know it. The numbers of what is exported are behind the slots, or where there are too many, in
    /// an array with that one.
    pub fn exports(&self, instance: u32) -> Result<Js> {
        let env = self.env;
        let (shape, mut numbers) = self.exported(instance)?;
        let number = f64::from(shape.number);
        let number = Js::number(env, if shape.told.get() { number } else { -1.0 - number })?;
        if self.data.has_room(numbers.len()) {
            self.data.answer(&mut numbers);
            return Ok(number);
        }
        let numbers = numbers.into_iter().map(|number| Js::number(env, number.into()));
        Js::array(env, [Ok(number)].into_iter().chain(numbers))
    }
    /// Two texts for each export: its name, and its signature or what else it is.
    pub fn exports_shape(&self, instance: u32) -> Result<Js> {
        let env = self.env;
        let (shape, _) = self.exported(instance)?;
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
    }
    /// What the functions among the exports are called, where that is the same for all instances, else undefined.
    pub fn exports_names(&self, instance: u32) -> Result<Js> {
        let env = self.env;
        let (shape, numbers) = self.exported(instance)?;
        let name = |(number, sig): (u32, &Option<Arc<Sig>>)| {
            let code = sig.as_ref().map(|_| self.funcs.code(self, number)).transpose()?;
            match code.and_then(|code| shape.index_of(code)) {
                Some(index) => Js::string(env, &index.to_string()),
                None => Js::undefined(env),
            }
        };
        Js::array(env, numbers.into_iter().zip(shape.sigs()).map(name))
    }
    fn exported(&self, instance: u32) -> Result<(Rc<Shape>, Vec<u32>)> {
        self.enter(|context| {
            let instance = self.instance(instance)?;
            let shape = self.shape(instance.module(&context))?;
            let numbers = shape.numbers(self, context, instance);
            Ok((shape, numbers))
        })?
    }
}
