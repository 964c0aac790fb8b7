//! Panics, which are bugs or the end of the heap, are the platform's to report.

use core::ffi::c_char;
use core::fmt::Write;
use core::panic::PanicInfo;

use crate::error::Text;
use crate::platform;

// Lints are for this machine, whose standard library has one.
#[cfg_attr(not(clippy), panic_handler)]
#[cfg_attr(clippy, allow(dead_code, reason = "the platform's, and not this machine's"))]
fn panic(info: &PanicInfo<'_>) -> ! {
    // On the stack: there may be no heap left.
    let mut buffer = [0u8; 256];
    let mut text = Text::new(&mut buffer);
    let _ = write!(text, "{}", info.message());
    let len = text.len();
    // SAFETY: so many bytes are there.
    unsafe { platform::cwasm_platform_abort(buffer.as_ptr().cast::<c_char>(), len) }
}
