//! [without `threads`] No module with a shared memory loads, and none is made.

use wasmtime::{MemoryType, SharedMemory};

use crate::error::Result;
use crate::features;
use crate::store_core::Core;

pub fn memory(_: &Core, _: MemoryType) -> Result<SharedMemory> {
    Err(features::absent("threads", "a shared memory"))
}
