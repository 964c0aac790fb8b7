//! [without `async`] The facade refuses what begins such a call.

use crate::error::Result;
use crate::features;
use crate::js::Js;
use crate::store_core::Core;

#[derive(Default)]
pub struct Calls;

impl Core {
    pub fn begin_call(&self, _: u32) -> Result<Js> {
        Err(features::absent("async", "a call that may wait"))
    }
    pub fn turn(&self) -> Result<Js> {
        self.begin_call(0)
    }
    pub fn end_call(&self) -> Result<Js> {
        self.begin_call(0)
    }
}
