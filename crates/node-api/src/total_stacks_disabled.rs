//! [`pooling-allocator` without `async`] No calls that may wait.

use wasmtime::PoolingAllocationConfig;

use crate::error::Result;
use crate::features;

pub fn set(_: &mut PoolingAllocationConfig, _: u32) -> Result<()> {
    Err(features::absent("async", "config.pooling.totalStacks"))
}
