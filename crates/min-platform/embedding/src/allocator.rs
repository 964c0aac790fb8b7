//! The heap, over one region of memory that the embedder gives at the start.

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering};

use spinning_top::RawSpinlock;
use talc::TalcLock;
use talc::source::Manual;

use crate::error::{CWASM_ARGUMENT, CWASM_NOT_READY, Failure, cwasm_error, report};

#[global_allocator]
static HEAP: TalcLock<RawSpinlock, Manual> = TalcLock::new(Manual);

/// Whether it has any memory.
static READY: AtomicBool = AtomicBool::new(false);

/// Gives the embedding its heap, before anything else and once: engines, modules, the interpreter's stacks, and in builds without the
/// feature `signals` guests' memories too, are in there. The region stays the embedding's for good.
///
/// # Safety
/// Nobody else uses the `len` bytes at `heap` from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_init(heap: *mut u8, len: usize, error: *mut cwasm_error) -> c_int {
    report(error, || {
        if heap.is_null() {
            return Err(Failure::null("heap"));
        }
        if heap.addr().checked_add(len).is_none() {
            return Err(Failure::Text(
                CWASM_ARGUMENT,
                "the heap is larger than what is behind its start",
            ));
        }
        if READY.swap(true, Ordering::AcqRel) {
            return Err(Failure::Text(CWASM_ARGUMENT, "cwasm_init was called before"));
        }
        // SAFETY: the caller's contract; the source is Manual, which takes heaps.
        if unsafe { HEAP.lock().claim(heap, len) }.is_none() {
            READY.store(false, Ordering::Release);
            return Err(Failure::Text(CWASM_ARGUMENT, "the heap is too small to be one"));
        }
        Ok(())
    })
}

/// Whether `cwasm_init` was called. What has a handle knows that it was.
pub fn check() -> Result<(), Failure> {
    if READY.load(Ordering::Acquire) {
        return Ok(());
    }
    Err(Failure::Text(CWASM_NOT_READY, "cwasm_init comes first"))
}
