//! [without `async`] No guest is on a fiber.

use std::mem::MaybeUninit;

use wasmtime::{StoreContextMut, ValRaw};

use crate::error::Error;
use crate::host::HostFunc;
use crate::store_core::{Core, Data};
use crate::trap;

pub fn host_call(
    _: &Core,
    _: StoreContextMut<'_, Data>,
    _: &mut [MaybeUninit<ValRaw>],
    _: &HostFunc,
) -> wasmtime::Result<()> {
    Err(trap::error(Error::internal("a fiber in a build without")))
}
