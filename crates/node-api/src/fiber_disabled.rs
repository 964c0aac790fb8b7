//! [without `async`] Guests run on the stacks that call them.

use std::pin::Pin;

use wasmtime::{StoreContextMut, UpdateDeadline};

use crate::error::{Error, Result};
use crate::instance::Plan;
use crate::store_core::{Core, Data};
use crate::trap;

pub type Body<'b> = &'b mut dyn FnMut(StoreContextMut<'_, Data>);

#[derive(Default)]
pub struct Fibers;

impl Fibers {
    #[inline(always)]
    pub fn active(&self) -> bool {
        false
    }
    pub fn may_pause(&self) -> bool {
        false
    }
    pub fn must_pause(&self) -> bool {
        false
    }
    pub fn is_ending(&self) -> bool {
        false
    }
    pub fn needed(&self) -> bool {
        false
    }
    pub fn drop_root(&self) {}
    pub fn outside(
        &self,
        _: StoreContextMut<'_, Data>,
        _: &mut dyn FnMut(&Core) -> Result<()>,
    ) -> wasmtime::Result<()> {
        Err(none())
    }
    pub fn wait(&self, _: StoreContextMut<'_, Data>, _: Pin<&mut dyn Future<Output = ()>>) -> wasmtime::Result<()> {
        Err(none())
    }
}

fn none() -> wasmtime::Error {
    trap::error(Error::internal("a fiber in a build without"))
}

pub fn pause() -> UpdateDeadline {
    UpdateDeadline::Continue(1)
}

impl Core {
    pub fn instantiate_on_fiber(&self, _: u64, _: Plan) -> Result<wasmtime::Instance> {
        Err(self.busy())
    }
    pub fn compare_suspended(&self) -> Result<()> {
        Ok(())
    }
    pub fn through(&self, _: bool, _: Body<'_>) -> Result<()> {
        Err(self.busy())
    }
}
