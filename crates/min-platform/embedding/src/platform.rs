//! What the embedder provides besides Wasmtime's own needs (`wasmtime-platform.h`).

use core::ffi::{c_char, c_int};

unsafe extern "C" {
    /// Called when nothing can go on: the heap is full where that can't be told, or there is a bug. Must not return. `message` does
    /// not end in a zero byte.
    pub fn cwasm_platform_abort(message: *const c_char, len: usize) -> !;

    /// Makes code executable and no longer writable, and tells instruction caches of it. Called by builds that run native code
    /// without the feature `signals`. The code begins and ends at a multiple of 4096 (65536 on aarch64). Returns 0, or anything
    /// else if it can't: then the module does not load.
    #[allow(dead_code, reason = "not in every build")]
    pub fn cwasm_platform_publish(code: *const u8, len: usize) -> c_int;

    /// The reverse, before the memory is used for something else. Returns 0, or anything else if it can't: then nothing can
    /// go on.
    #[allow(dead_code, reason = "not in every build")]
    pub fn cwasm_platform_unpublish(code: *const u8, len: usize) -> c_int;
}
