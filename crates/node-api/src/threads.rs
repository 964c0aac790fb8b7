//! [feature `threads`] Memories that several threads work on: made here, and waited on.

use std::time::Duration;

use napi_derive::napi;
use wasmtime::{MemoryType, SharedMemory, WaitResult};

use crate::atomics::{Width, width};
use crate::error::{Error, Result, guard};
use crate::js::Js;
use crate::memory::{Kind, Memory};
use crate::store_core::Core;
use crate::types;

pub fn memory(core: &Core, ty: MemoryType) -> Result<SharedMemory> {
    SharedMemory::new(&core.engine.engine, ty).map_err(types::out_of_range)
}

#[napi]
impl Memory {
    /// Waits until another thread notifies this place of a shared memory, as a guest's `memory.atomic.wait` does: the thread
    /// sleeps, and its event loop with it. Returns at once with `not-equal` where the value is not `expected`, and after
    /// `timeoutMs` (default: never) with `timed-out`.
    ///
    /// Throws `TypeError` for a memory that is not shared, `RangeError` for a place outside of it or not aligned.
    #[napi(
        ts_args_type = "type: 'i32' | 'i64', offset: number | bigint, expected: number | bigint, timeoutMs?: number",
        ts_return_type = "'ok' | 'not-equal' | 'timed-out'"
    )]
    pub fn atomic_wait(&self, ty: Js, offset: Js, expected: Js, timeout: Js) -> napi::Result<String> {
        guard(ty.env, || {
            let width = width(ty)?;
            if expected.is_undefined() {
                return Err(Error::type_error("expected must be given").into());
            }
            let expected = width.bits(&self.core, expected)?;
            let timeout = match timeout.is_undefined() {
                true => None,
                false => match timeout.to_f64("timeoutMs")? {
                    forever if forever == f64::INFINITY => None,
                    ms if ms >= 0.0 => Duration::try_from_secs_f64(ms / 1000.0).ok(),
                    _ => return Err(Error::range_error("timeoutMs must be a number from 0").into()),
                },
            };
            self.aligned(offset, width)?;
            let Kind::Shared(memory) = &self.kind else {
                return Err(Error::type_error("only a shared memory can be waited on").into());
            };
            let at = offset.to_u64("offset", u64::MAX)?;
            let result = match width {
                Width::I32 => memory.atomic_wait32(at, expected as u32, timeout),
                Width::I64 => memory.atomic_wait64(at, expected, timeout),
            };
            let text = match result.map_err(|trap| Error::range_error(trap.to_string()))? {
                WaitResult::Ok => "ok",
                WaitResult::Mismatch => "not-equal",
                WaitResult::TimedOut => "timed-out",
            };
            Ok(text.into())
        })
    }

    /// Wakes up to `count` threads (default: all) that wait at this place, guests or `atomicWait`, and returns how many.
    ///
    /// Throws `RangeError` for a place outside of the memory or not aligned to 4 bytes.
    #[napi(ts_args_type = "offset: number | bigint, count?: number")]
    pub fn atomic_notify(&self, offset: Js, count: Js) -> napi::Result<u32> {
        guard(offset.env, || {
            let count = match count.is_undefined() {
                true => u32::MAX,
                false => count.to_u32("count")?,
            };
            self.aligned(offset, Width::I32)?;
            let Kind::Shared(memory) = &self.kind else {
                return Ok(0);
            };
            let woken = memory.atomic_notify(offset.to_u64("offset", u64::MAX)?, count);
            Ok(woken.map_err(|trap| Error::range_error(trap.to_string()))?)
        })
    }
}
