//! The page that the checks of a store's guests read. When it is taken away the next check ends the guest.
//!
//! Each store has one of its own, so that no other stops with it. It is an ordinary memory of the store's: of a shared one Wasmtime
//! makes another object for each instance that imports it, and does not expect to find the place of a fault in two of them.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::{AsContext, Extern, Memory, MemoryType, StoreContextMut, Trap};

use crate::error::Result;
use crate::interruption::{Interruption, MODULE, NAME, PAGE};
use crate::store_core::Data;
use crate::trap;

pub struct Page {
    /// Whether it is by a fault that a check ends a guest, or by what it reads.
    faults: bool,
    /// Its address, as long as there is the store.
    at: Mutex<Option<usize>>,
    away: AtomicBool,
    memory: Memory,
}

/// What a store has of its page: when it goes, nobody touches that any more.
#[derive(Default)]
pub struct Held(Option<Arc<Page>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(page) = &self.0 {
            page.at().take();
        }
    }
}

impl Page {
    /// For guests that have this.
    pub fn new(interruption: Interruption, context: &mut StoreContextMut<'_, Data>) -> Result<Arc<Page>> {
        // It is not the guest's, and not counted.
        context.data_mut().limits.uncounted = true;
        let memory = Memory::new(&mut *context, MemoryType::new(1, Some(1)));
        context.data_mut().limits.uncounted = false;
        let memory = memory.map_err(trap::failure)?;
        let page = Arc::new(Page {
            faults: interruption == Interruption::Page,
            at: Mutex::new(Some(memory.data_ptr(context.as_context()).addr())),
            away: AtomicBool::new(false),
            memory,
        });
        context.data_mut().page = Held(Some(page.clone()));
        Ok(page)
    }
    fn at(&self) -> MutexGuard<'_, Option<usize>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a module with checks imports last.
    pub fn to_extern(&self) -> Extern {
        self.memory.into()
    }
    /// Defines it in a linker for modules with checks, where another may stand. From now on the linker allows shadowing.
    pub fn define(&self, linker: &mut wasmtime::Linker<Data>, context: impl AsContext<Data = Data>) -> Result<()> {
        linker.allow_shadowing(true);
        linker
            .define(context, MODULE, NAME, self.to_extern())
            .map(drop)
            .map_err(trap::failure)
    }

    /// Ends the guest at its next check. Called by one thread at a time, as the next is.
    pub fn take_away(&self) {
        // First, as the guest may end before this returns. What can't be done now is tried again.
        if !self.away.swap(true, Ordering::AcqRel) && !self.set(true) {
            self.away.store(false, Ordering::Release);
        }
    }
    /// Lets guests run again.
    pub fn put_back(&self) {
        if self.is_away() && self.set(false) {
            self.away.store(false, Ordering::Release);
        }
    }
    fn set(&self, away: bool) -> bool {
        let place = self.at();
        let Some(at) = *place else {
            return true;
        };
        if self.faults {
            return protect(at, away);
        }
        for i in 0..PAGE {
            // SAFETY: the page is there as long as its address, and all who use it do so atomically, or are guests.
            unsafe { AtomicU8::from_ptr((at + i) as *mut u8) }.store(away.into(), Ordering::Relaxed);
        }
        true
    }
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }
    /// Whether it is a check that has ended a guest with this error.
    pub fn has_ended(&self, error: &wasmtime::Error) -> bool {
        let is_check = || match error.downcast_ref::<Trap>() {
            Some(Trap::MemoryOutOfBounds) => self.faults && is_inside(error),
            trap => !self.faults && trap == Some(&Trap::UnreachableCodeReached),
        };
        self.is_away() && is_check()
    }
}

/// Whether a fault was inside of a memory, where no access of a guest's own ends.
fn is_inside(fault: &wasmtime::Error) -> bool {
    let is_inside = |saying: String| {
        let (_, numbers) = saying.split_once("memory fault at wasm address 0x")?;
        let (address, size) = numbers.split_once(" in linear memory of size 0x")?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some(number(address)? < number(size)?)
    };
    fault.chain().any(|cause| is_inside(cause.to_string()) == Some(true))
}

#[cfg(unix)]
fn protect(at: usize, away: bool) -> bool {
    let how = if away {
        libc::PROT_NONE
    } else {
        libc::PROT_READ | libc::PROT_WRITE
    };
    // SAFETY: a page of a memory that is there, which nobody reads but guests that may fault there.
    unsafe { libc::mprotect(at as *mut libc::c_void, PAGE, how) == 0 }
}
#[cfg(windows)]
fn protect(at: usize, away: bool) -> bool {
    use windows_sys::Win32::System::Memory::{PAGE_NOACCESS, PAGE_READWRITE, VirtualProtect};
    let how = if away { PAGE_NOACCESS } else { PAGE_READWRITE };
    let mut before = 0;
    // SAFETY: as above.
    unsafe { VirtualProtect(at as *const _, PAGE, how, &mut before) != 0 }
}
