//! [without `gc`] No module with exceptions loads, and what JavaScript throws passes through wasm.

use wasmtime::StoreContextMut;

use crate::error::{Failure, Result};
use crate::js::Js;
use crate::store_core::{Core, Data};
use crate::trap;

#[derive(Default)]
pub struct JsTag;

pub enum Raised {}
impl Raised {
    pub fn into_js(self) -> Result<Js> {
        match self {}
    }
}

pub fn failure(core: &Core, _: StoreContextMut<'_, Data>, error: wasmtime::Error) -> Failure {
    trap::failure(trap::of_guest(error, core.page().as_deref()))
}

pub struct Caught;

pub fn catch(_: &Core) -> Option<Caught> {
    None
}

pub fn refuse(core: &Core, failure: Failure) -> Option<Caught> {
    failure.throw(core.env);
    None
}

pub fn throw(core: &Core, _: StoreContextMut<'_, Data>, caught: Option<Caught>) -> wasmtime::Error {
    leave(core, &caught)
}
#[allow(dead_code, reason = "for builds with fibers")]
pub fn raise(_: &Core, _: StoreContextMut<'_, Data>, _: &Option<Caught>) -> Option<wasmtime::Error> {
    None
}
pub fn leave(_: &Core, _: &Option<Caught>) -> wasmtime::Error {
    trap::carry(Failure::Thrown)
}
