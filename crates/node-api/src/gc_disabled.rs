//! [without `gc`] No module with references other than to functions loads, so no value of one ever comes here.

use wasmtime::{Ref, RefType, StoreContextMut};

use crate::error::{Failure, Result};
use crate::features;
use crate::store_core::{Core, Data};
use crate::val::Token;

#[derive(Default, Clone)]
pub struct Freed;

impl Freed {
    pub fn push(&self, _: u32) {}
    pub fn take<R>(&self, taking: impl FnOnce(&mut Vec<u32>) -> R) -> R {
        taking(&mut Vec::new())
    }
}

#[derive(Default)]
pub struct Objects;

pub fn collector(config: &mut wasmtime::Config) -> &mut wasmtime::Config {
    config
}

pub fn is_full(_: &wasmtime::Error) -> bool {
    false
}

pub fn scope<R>(context: StoreContextMut<'_, Data>, body: impl FnOnce(StoreContextMut<'_, Data>) -> R) -> R {
    body(context)
}

fn absent() -> Failure {
    features::absent("gc", "a value of this reference type")
}

pub fn make(_: &Core, _: &mut StoreContextMut<'_, Data>, _: Token, _: &RefType) -> Result<Ref> {
    Err(absent())
}

pub fn token(_: &Core, _: &mut StoreContextMut<'_, Data>, _: Ref) -> Result<Token> {
    Err(absent())
}
