//! How much stack a thread has left. Wasm may use `maxWasmStack` below the place where it is called, and a thread that has
//! less ends with the process: a worker's stack is small, and JavaScript may have used most of it.

use std::ptr;

/// What native code needs beyond the guest's own share: host functions of WASI, Node-API, and in a worker a call of JavaScript,
/// for which V8 keeps 192 KiB.
const MARGIN: usize = 256 << 10;

/// The lowest address of this thread's stack; 0 where the system does not say.
pub fn end() -> usize {
    system::end()
}

/// The place from which on a guest may not be called that may use so many bytes.
pub fn floor(end: usize, wanted: usize) -> usize {
    end.saturating_add(wanted + MARGIN)
}
#[inline(always)]
pub fn is_above(floor: usize) -> bool {
    let here = 0u8;
    ptr::from_ref(&here).addr() >= floor
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::mem::MaybeUninit;
    use std::ptr;

    pub fn end() -> usize {
        let mut attributes = MaybeUninit::uninit();
        let (mut start, mut size) = (ptr::null_mut(), 0);
        // SAFETY: the attributes are those of this thread, made and destroyed here.
        unsafe {
            if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
                return 0;
            }
            libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
        }
        start.addr()
    }
}

#[cfg(target_vendor = "apple")]
mod system {
    pub fn end() -> usize {
        // SAFETY: of this thread, which is alive.
        unsafe {
            let this = libc::pthread_self();
            libc::pthread_get_stackaddr_np(this).addr() - libc::pthread_get_stacksize_np(this)
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)))]
mod system {
    pub fn end() -> usize {
        0
    }
}

#[cfg(windows)]
mod system {
    unsafe extern "system" {
        fn GetCurrentThreadStackLimits(low: *mut usize, high: *mut usize);
    }
    pub fn end() -> usize {
        let (mut low, mut high) = (0, 0);
        // SAFETY: two places for what it says.
        unsafe { GetCurrentThreadStackLimits(&mut low, &mut high) };
        low
    }
}
