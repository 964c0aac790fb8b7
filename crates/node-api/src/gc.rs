//! [feature `gc`] externref: a JavaScript value in the hands of a guest.
//!
//! The value stays in the store's host table; the guest gets an object whose host data is the value's number there. When
//! Wasmtime's collector drops the object, the number is given back.

use std::sync::{Arc, Mutex, PoisonError};

use napi_derive::napi;
use wasmtime::{AsContextMut, Collector, ExternRef, RootScope, Rooted, StoreContextMut, ValRaw};

use crate::error::{Result, guard};
use crate::store::{Core, Data, Store};
use crate::trap::failure;

/// Numbers that no guest holds any more. Wasmtime may drop them on any thread.
#[derive(Default, Clone)]
pub struct Freed(Arc<Mutex<Vec<u32>>>);

impl Freed {
    pub fn push(&self, number: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(number);
    }
    pub fn take(&self) -> Vec<u32> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
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

pub fn apply(config: &mut wasmtime::Config) {
    config.collector(Collector::DeferredReferenceCounting);
}

/// Runs `body` in a scope that unroots what it roots: without one nothing is ever collected.
pub fn scope<R>(mut context: StoreContextMut<'_, Data>, body: impl FnOnce(StoreContextMut<'_, Data>) -> R) -> R {
    let mut scope = RootScope::new(&mut context);
    body(scope.as_context_mut())
}

/// Makes the guest's object for a value.
pub fn extern_ref(core: &Core, context: &mut StoreContextMut<'_, Data>, number: u32) -> Result<Rooted<ExternRef>> {
    ExternRef::new(
        context,
        HostValue {
            number,
            freed: core.freed.clone(),
        },
    )
    .map_err(failure)
}

/// The number of the value behind a guest's object.
pub fn extern_number(context: &mut StoreContextMut<'_, Data>, object: &Rooted<ExternRef>) -> Result<u32> {
    let data = object.data(&*context).map_err(failure)?;
    match data.and_then(|data| data.downcast_ref::<HostValue>()) {
        Some(value) => Ok(value.number),
        None => Err(crate::val::no_way("externref that is not the host's").into()),
    }
}

/// Turns the numbers that JavaScript wrote into slots into raw references. All are rooted before the first is made raw,
/// because making one may collect.
pub fn externs_in(
    core: &Core,
    context: &mut StoreContextMut<'_, Data>,
    slots: &mut [ValRaw],
    places: &[u16],
) -> Result<()> {
    scope(context.as_context_mut(), |mut context| {
        let mut rooted = Vec::with_capacity(places.len());
        for &place in places {
            let number = slots[usize::from(place)].get_u32();
            rooted.push(match number {
                0 => None,
                _ => Some(extern_ref(core, &mut context, number)?),
            });
        }
        for (&place, object) in places.iter().zip(rooted) {
            let raw = match object {
                None => 0,
                Some(object) => object.to_raw(&mut context).map_err(failure)?,
            };
            slots[usize::from(place)] = ValRaw::externref(raw);
        }
        Ok(())
    })
}

/// The other way: raw references become numbers.
pub fn externs_out(context: &mut StoreContextMut<'_, Data>, slots: &mut [ValRaw], places: &[u16]) -> Result<()> {
    scope(context.as_context_mut(), |mut context| {
        for &place in places {
            let slot = &mut slots[usize::from(place)];
            let number = match ExternRef::from_raw(&mut context, slot.get_externref()) {
                None => 0,
                Some(object) => extern_number(&mut context, &object)?,
            };
            *slot = ValRaw::u32(number);
        }
        Ok(())
    })
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
