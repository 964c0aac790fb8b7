//! [without `gc`] No module with externref loads, so no value of it ever comes here.

use wasmtime::{ExternRef, Rooted, StoreContextMut, ValRaw};

use crate::error::{Failure, Result};
use crate::features;
use crate::store::{Core, Data};

#[derive(Default, Clone)]
pub struct Freed;

impl Freed {
    pub fn push(&self, _: u32) {}
    pub fn take(&self) -> Vec<u32> {
        Vec::new()
    }
}

pub fn apply(_: &mut wasmtime::Config) {}

pub fn scope<R>(context: StoreContextMut<'_, Data>, body: impl FnOnce(StoreContextMut<'_, Data>) -> R) -> R {
    body(context)
}

fn absent() -> Failure {
    features::absent("gc", "externref")
}

pub fn extern_ref(_: &Core, _: &mut StoreContextMut<'_, Data>, _: u32) -> Result<Rooted<ExternRef>> {
    Err(absent())
}

pub fn extern_number(_: &mut StoreContextMut<'_, Data>, _: &Rooted<ExternRef>) -> Result<u32> {
    Err(absent())
}

pub fn externs_in(_: &Core, _: &mut StoreContextMut<'_, Data>, _: &mut [ValRaw], _: &[u16]) -> Result<()> {
    Err(absent())
}

pub fn externs_out(_: &mut StoreContextMut<'_, Data>, _: &mut [ValRaw], _: &[u16]) -> Result<()> {
    Err(absent())
}
