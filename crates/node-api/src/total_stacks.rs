//! [features `async`, `pooling-allocator`] `Config.pooling.totalStacks`.

use wasmtime::PoolingAllocationConfig;

use crate::error::Result;

#[allow(clippy::unnecessary_wraps, reason = "in other builds it fails")]
pub fn set(pool: &mut PoolingAllocationConfig, count: u32) -> Result<()> {
    pool.total_stacks(count);
    Ok(())
}
