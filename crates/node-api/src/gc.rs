//! [feature `gc`] What guests and JavaScript share by reference.
//!
//! A JavaScript value in the hands of a guest stays in the store's host table; the guest gets an object whose host data is
//! the value's number there. When Wasmtime's collector drops the object, the number is given back.
//!
//! A guest's object in the hands of JavaScript is rooted in [`Objects`], under a number, as long as JavaScript has an object
//! for it. A cycle through both heaps lives as long as the store: each collector sees only its half.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use napi_derive::napi;
use rustc_hash::FxHashMap;
use wasmtime::{
    AnyRef, AsContextMut, Collector, ExnRef, ExternRef, HeapType, I31, OwnedRooted, Ref, RefType, RootScope, Rooted,
    StoreContextMut, Val, ValType,
};

use crate::env::SLOTS;
use crate::error::{Error, Result, guard};
use crate::js::Js;
use crate::sig;
use crate::store::Store;
use crate::store_core::{Core, Data};
use crate::trap::failure;
use crate::val::{Taken, Token};

/// Numbers that no guest holds any more. Wasmtime may drop them on any thread.
#[derive(Default, Clone)]
pub struct Freed(Arc<Mutex<Vec<u32>>>);

impl Freed {
    pub fn push(&self, number: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(number);
    }
    pub fn take<R>(&self, taking: impl FnOnce(&mut Vec<u32>) -> R) -> R {
        taking(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct HostValue {
    number: u32,
    freed: Freed,
}

impl Drop for HostValue {
    fn drop(&mut self) {
        self.freed.push(self.number);
    }
}

/// The guest's objects that JavaScript has, by number from 1.
#[derive(Default)]
pub struct Objects {
    list: RefCell<Vec<Option<Object>>>,
    free: RefCell<Vec<u32>>,
    /// The reference counting collector moves nothing, so an object's raw reference is its identity while it is rooted.
    by_raw: RefCell<FxHashMap<u32, u32>>,
}

struct Object {
    root: Root,
    raw: u32,
    /// Objects of JavaScript that stand for it, those included that are collected but not finalized yet.
    handles: u32,
}

#[derive(Clone)]
enum Root {
    Any(OwnedRooted<AnyRef>),
    Exn(OwnedRooted<ExnRef>),
}

impl Objects {
    fn number(&self, raw: u32, root: impl FnOnce() -> wasmtime::Result<Root>) -> Result<u32> {
        if let Some(&number) = self.by_raw.borrow().get(&raw) {
            return Ok(number);
        }
        let object = Some(Object {
            root: root().map_err(failure)?,
            raw,
            handles: 0,
        });
        let mut list = self.list.borrow_mut();
        let number = match self.free.borrow_mut().pop() {
            Some(number) => {
                list[number as usize - 1] = object;
                number
            }
            None => {
                list.push(object);
                list.len() as u32
            }
        };
        self.by_raw.borrow_mut().insert(raw, number);
        Ok(number)
    }
    fn root(&self, number: u32) -> Result<Root> {
        let list = self.list.borrow();
        match list.get((number as usize).wrapping_sub(1)) {
            Some(Some(object)) => Ok(object.root.clone()),
            _ => Err(Error::internal("there is no object of this number").into()),
        }
    }
    /// JavaScript has made an object for this one.
    pub fn retain(&self, number: u32) {
        if let Some(Some(object)) = self.list.borrow_mut().get_mut(number as usize - 1) {
            object.handles += 1;
        }
    }
    /// Such an object was finalized.
    pub fn release(&self, number: u32) {
        let mut list = self.list.borrow_mut();
        let Some(place) = list.get_mut(number as usize - 1) else {
            return;
        };
        let Some(object) = place else { return };
        object.handles -= 1;
        if object.handles == 0 {
            self.by_raw.borrow_mut().remove(&object.raw);
            *place = None;
            self.free.borrow_mut().push(number);
        }
    }
    /// A struct or an array.
    pub fn any(&self, context: &mut StoreContextMut<'_, Data>, number: u32) -> Result<Rooted<AnyRef>> {
        match self.root(number)? {
            Root::Any(root) => Ok(root.to_rooted(context)),
            Root::Exn(_) => Err(Error::internal("an exception is no struct").into()),
        }
    }
    pub fn is_exn(&self, number: u32) -> Result<bool> {
        Ok(matches!(self.root(number)?, Root::Exn(_)))
    }
    pub fn exn(&self, context: &mut StoreContextMut<'_, Data>, number: u32) -> Result<Rooted<ExnRef>> {
        match self.root(number)? {
            Root::Exn(root) => Ok(root.to_rooted(context)),
            Root::Any(_) => Err(Error::internal("a struct is no exception").into()),
        }
    }
    pub fn number_of_any(&self, context: &mut StoreContextMut<'_, Data>, object: Rooted<AnyRef>) -> Result<u32> {
        let raw = object.to_raw(&mut *context).map_err(failure)?;
        self.number(raw, || object.to_owned_rooted(context).map(Root::Any))
    }
    pub fn number_of_exn(&self, context: &mut StoreContextMut<'_, Data>, object: Rooted<ExnRef>) -> Result<u32> {
        let raw = object.to_raw(&mut *context).map_err(failure)?;
        self.number(raw, || object.to_owned_rooted(context).map(Root::Exn))
    }
}

pub fn collector(config: &mut wasmtime::Config) -> &mut wasmtime::Config {
    config.collector(Collector::DeferredReferenceCounting)
}

/// Whether the heap has no room for an object, by the store's limits or the system's.
pub fn is_full(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::GcHeapOutOfMemory<()>>()
}

/// Runs `body` in a scope that unroots what it roots: without one nothing is ever collected.
pub fn scope<R>(mut context: StoreContextMut<'_, Data>, body: impl FnOnce(StoreContextMut<'_, Data>) -> R) -> R {
    let mut scope = RootScope::new(&mut context);
    body(scope.as_context_mut())
}

/// Makes what a token stands for, in the family of the type, whose other demands are not checked here.
pub fn make(core: &Core, context: &mut StoreContextMut<'_, Data>, token: Token, ty: &RefType) -> Result<Ref> {
    let top = ty.heap_type().top();
    if let (Token::Object(number), HeapType::Exn) = (token, &top) {
        return Ok(Ref::Exn(Some(core.objects.exn(context, number)?)));
    }
    let any = match token {
        Token::Host(number) => {
            let made = ExternRef::new(
                &mut *context,
                HostValue {
                    number,
                    freed: core.freed.clone(),
                },
            )
            .map_err(failure)?;
            if let HeapType::Extern = top {
                return Ok(Ref::Extern(Some(made)));
            }
            AnyRef::convert_extern(&mut *context, made).map_err(failure)?
        }
        Token::I31(value) => AnyRef::from_i31(&mut *context, I31::wrapping_i32(value)),
        Token::Object(number) => core.objects.any(context, number)?,
        Token::Null | Token::Func(_) => return Err(Error::internal("a token of another family").into()),
    };
    Ok(match top {
        HeapType::Extern => Ref::Extern(Some(ExternRef::convert_any(context, any).map_err(failure)?)),
        _ => Ref::Any(Some(any)),
    })
}

/// What stands for a reference of the guest's.
pub fn token(core: &Core, context: &mut StoreContextMut<'_, Data>, made: Ref) -> Result<Token> {
    let (host, any) = match made {
        Ref::Extern(None) | Ref::Any(None) | Ref::Exn(None) | Ref::Func(_) => return Ok(Token::Null),
        Ref::Exn(Some(object)) => return Ok(Token::Object(core.objects.number_of_exn(context, object)?)),
        Ref::Extern(Some(object)) => (object, None),
        Ref::Any(Some(any)) => {
            if let Some(value) = any.as_i31(&*context).map_err(failure)? {
                return Ok(Token::I31(value.get_i32()));
            }
            if any.is_eqref(&*context).map_err(failure)? {
                return Ok(Token::Object(core.objects.number_of_any(context, any)?));
            }
            let object = ExternRef::convert_any(&mut *context, any).map_err(failure)?;
            (object, Some(any))
        }
    };
    if let Some(data) = host.data(&*context).map_err(failure)? {
        return match data.downcast_ref::<HostValue>() {
            Some(value) => Ok(Token::Host(value.number)),
            None => Err(Error::internal("an externref that is not ours").into()),
        };
    }
    match any {
        Some(_) => Err(Error::internal("a reference of an unknown kind").into()),
        // The guest has made an externref of its own object.
        None => {
            let any = AnyRef::convert_extern(&mut *context, host).map_err(failure)?;
            token(core, context, Ref::Any(Some(any)))
        }
    }
}

/// Takes the values of a JavaScript array, all or none of them: as many at once as there are slots.
pub fn take_list(core: &Core, values: Js, types: &[ValType]) -> Result<Vec<Taken>> {
    let env = core.env;
    let mut taken = Vec::with_capacity(types.len());
    for part in types.chunks(SLOTS - 1) {
        let from = Js::number(env, taken.len() as f64)?;
        let written = Js::string(env, &sig::kinds(part.iter().cloned()))
            .and_then(|kinds| core.table()?.invoke("takeSome", &[kinds, values, from]));
        written.inspect_err(|_| give_back_all(core, &taken, types))?;
        taken.extend((0..part.len()).map(|place| Taken::from_slot(core, place)));
    }
    Ok(taken)
}
#[cold]
fn give_back_all(core: &Core, taken: &[Taken], types: &[ValType]) {
    for (value, ty) in taken.iter().zip(types) {
        if ty.is_ref() {
            Token::read(&value.slot()).give_back(core);
        }
    }
}

/// The values in the store, all or none of them.
pub fn to_vals(
    core: &Core,
    context: &mut StoreContextMut<'_, Data>,
    taken: &[Taken],
    types: &[ValType],
) -> Result<Vec<Val>> {
    let mut vals = Vec::with_capacity(taken.len());
    for (i, (value, ty)) in taken.iter().zip(types).enumerate() {
        let val = value.to_val(core, context, ty);
        vals.push(val.inspect_err(|_| give_back_all(core, &taken[i + 1..], &types[i + 1..]))?);
    }
    Ok(vals)
}

#[napi]
impl Store {
    /// Collects garbage in the store now. It also happens by itself, when the guest's heap is full.
    #[napi]
    pub fn gc(&self, env: napi::Env) -> napi::Result<()> {
        guard(env.raw(), || {
            self.core.enter(|mut context| context.gc(None))?.map_err(failure)
        })
    }
}
