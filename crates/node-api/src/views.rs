//! The zero-copy views of memories.
//!
//! `memory.buffer` is an ArrayBuffer over the mapping itself. A script can move its contents into another ArrayBuffer that we
//! know nothing of (`buffer.transfer()`), so a mapping is freed only when the last view's finalizer has run, and a memory
//! that may move when it grows has no views at all.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use napi::sys;
use wasmtime::StoreContextMut;

use crate::error::{Error, Result};
use crate::js::{Js, check};
use crate::store_core::{Core, Data};

/// The views of a store's memories.
#[derive(Default)]
pub struct Views {
    list: RefCell<Vec<View>>,
    /// ArrayBuffers over our mappings whose finalizers have not run.
    live: Cell<usize>,
}

pub struct View {
    memory: wasmtime::Memory,
    start: *mut u8,
    len: usize,
    /// A weak reference to the ArrayBuffer.
    buffer: sys::napi_ref,
    /// What its finalizer is given; valid until that has run. Null for a view of no bytes.
    hold: *const Hold,
}

/// What an ArrayBuffer over a mapping keeps.
struct Hold {
    core: Rc<Core>,
    /// Nothing else can have its bytes any more: we have detached it ourselves, or its finalizer has run.
    done: Cell<bool>,
    /// In a worker, a reference to its guard: see [`guard_gone`].
    guard: Cell<sys::napi_ref>,
}

impl View {
    fn get(&self, env: sys::napi_env) -> Option<Js> {
        let mut raw = ptr::null_mut();
        // SAFETY: the reference is ours until `forget`.
        unsafe { sys::napi_get_reference_value(env, self.buffer, &mut raw) };
        (!raw.is_null()).then_some(Js { env, raw })
    }
    fn forget(self, env: sys::napi_env) {
        // SAFETY: made by `view`, and deleted once.
        unsafe { sys::napi_delete_reference(env, self.buffer) };
    }
    fn detach(self, env: sys::napi_env) {
        let mut scope = ptr::null_mut();
        // SAFETY: the scope is closed below. While the buffer is there its finalizer has not run, so `hold` is valid.
        unsafe {
            sys::napi_open_handle_scope(env, &mut scope);
            if let Some(buffer) = self.get(env).filter(|buffer| !is_detached(*buffer)) {
                let status = sys::napi_detach_arraybuffer(env, buffer.raw);
                if let Some(hold) = self.hold.as_ref() {
                    hold.done.set(status == sys::Status::napi_ok);
                }
            }
            sys::napi_close_handle_scope(env, scope);
        }
        self.forget(env);
    }
}

impl Views {
    pub fn live(&self) -> usize {
        self.live.get()
    }
    /// Detaches the views of memories that have grown. Wasmtime tells of growth before it happens, and of other growth too, so
    /// what counts is what is there now.
    pub fn compare(&self, env: sys::napi_env, context: StoreContextMut<'_, Data>) {
        self.detach(env, self.changed(&context));
    }
    /// Takes those off the list.
    pub fn changed(&self, context: &StoreContextMut<'_, Data>) -> Vec<View> {
        let has_changed =
            |view: &mut View| view.memory.data_ptr(context) != view.start || view.memory.data_size(context) != view.len;
        self.list.borrow_mut().extract_if(.., has_changed).collect()
    }
    pub fn detach(&self, env: sys::napi_env, views: Vec<View>) {
        for view in views {
            view.detach(env);
        }
    }
    /// Detaches the views of the memory that begins here.
    pub fn detach_at(&self, env: sys::napi_env, start: *mut u8) {
        for view in self.list.borrow_mut().extract_if(.., |view| view.start == start) {
            view.detach(env);
        }
    }
    pub fn detach_all(&self, env: sys::napi_env) {
        for view in self.list.borrow_mut().drain(..) {
            view.detach(env);
        }
    }
    /// Called when no buffer is left: the store is dropped.
    pub fn forget_all(&self, env: sys::napi_env) {
        for view in self.list.borrow_mut().drain(..) {
            view.forget(env);
        }
    }
    /// The view of these bytes that a script still has.
    pub fn find(&self, env: sys::napi_env, start: *mut u8, len: usize) -> Option<Js> {
        let mut list = self.list.borrow_mut();
        let place = list.iter().position(|view| view.start == start && view.len == len)?;
        let buffer = list[place].get(env);
        if let Some(buffer) = buffer.filter(|buffer| !is_detached(*buffer)) {
            return Some(buffer);
        }
        list.swap_remove(place).forget(env);
        None
    }
}

impl Core {
    /// Makes an ArrayBuffer of a memory's bytes.
    pub fn view(&self, memory: wasmtime::Memory, start: *mut u8, len: usize) -> Result<Js> {
        let env = self.env;
        let (mut raw, mut hold) = (ptr::null_mut(), ptr::null());
        if len == 0 {
            let mut data = ptr::null_mut();
            // SAFETY: an ArrayBuffer of no bytes.
            check(unsafe { sys::napi_create_arraybuffer(env, 0, &mut data, &mut raw) })?;
        } else {
            let held = Rc::new(Hold {
                core: self.held(),
                done: Cell::new(false),
                guard: Cell::new(ptr::null_mut()),
            });
            hold = Rc::as_ptr(&held);
            let hint = Rc::into_raw(held.clone()).cast_mut().cast();
            // SAFETY: the mapping stays while the buffer lives: `view_gone` has a count of the Core, which keeps the store.
            let status = unsafe {
                sys::napi_create_external_arraybuffer(env, start.cast(), len, Some(view_gone), hint, &mut raw)
            };
            if status != sys::Status::napi_ok {
                // SAFETY: the count given above was not taken.
                drop(unsafe { Rc::from_raw(hint.cast::<Hold>()) });
                let message = "this runtime has no ArrayBuffers over foreign memory: use read and write";
                return Err(Error::type_error(message).into());
            }
            self.views.live.set(self.views.live.get() + 1);
            if self.data.is_worker {
                guard_view(env, &held)?;
            }
        }
        let mut buffer = ptr::null_mut();
        // SAFETY: a live handle; the reference is weak.
        check(unsafe { sys::napi_create_reference(env, raw, 0, &mut buffer) })?;
        self.views.list.borrow_mut().push(View {
            memory,
            start,
            len,
            buffer,
            hold,
        });
        Ok(Js { env, raw })
    }
}

fn is_detached(buffer: Js) -> bool {
    let mut detached = false;
    // SAFETY: a live handle.
    unsafe { sys::napi_is_detached_arraybuffer(buffer.env, buffer.raw, &mut detached) };
    detached
}

/// The finalizer of an ArrayBuffer over a mapping.
unsafe extern "C" fn view_gone(env: sys::napi_env, _: *mut c_void, hold: *mut c_void) {
    // SAFETY: the count that was given to this buffer, once.
    let hold = unsafe { Rc::from_raw(hold.cast::<Hold>()) };
    let core = &hold.core;
    hold.done.set(true);
    if !hold.guard.get().is_null() {
        // SAFETY: made by `guard_view`, and deleted once.
        unsafe { sys::napi_delete_reference(env, hold.guard.replace(ptr::null_mut())) };
    }
    core.views.live.set(core.views.live.get() - 1);
    core.free_if_closed();
}

/// A worker that ends detaches its external ArrayBuffers and calls their finalizers, whoever has the bytes by then: a script
/// may have moved them out of our sight and given them to another thread. The buffers made last are the first, so one that is
/// made after a view and kept as long can still look whether the view has its bytes.
fn guard_view(env: sys::napi_env, hold: &Rc<Hold>) -> Result<()> {
    static BYTE: u8 = 0;
    let (mut raw, mut guard) = (ptr::null_mut(), ptr::null_mut());
    let hint = Rc::into_raw(hold.clone()).cast_mut().cast();
    // SAFETY: nobody gets the guard, so its one byte is never written; the count is given back by `guard_gone`.
    unsafe {
        let byte = (&raw const BYTE).cast_mut().cast();
        let made = sys::napi_create_external_arraybuffer(env, byte, 1, Some(guard_gone), hint, &mut raw);
        check(made)?;
        check(sys::napi_create_reference(env, raw, 1, &mut guard))?;
    }
    hold.guard.set(guard);
    Ok(())
}

/// The finalizer of a view's guard. Where the view's own has not run the environment ends, and what is out of our sight may be
/// in use elsewhere: then the mapping stays for good.
unsafe extern "C" fn guard_gone(env: sys::napi_env, _: *mut c_void, hold: *mut c_void) {
    // SAFETY: the count that was given to the guard, once.
    let hold = unsafe { Rc::from_raw(hold.cast::<Hold>()) };
    if hold.done.get() {
        return;
    }
    let core = &hold.core;
    let list = core.views.list.borrow();
    let view = list.iter().find(|view| ptr::eq(view.hold, &*hold));
    let in_sight = view
        .and_then(|view| view.get(env))
        .is_some_and(|buffer| !is_detached(buffer));
    if !in_sight {
        core.views.live.set(core.views.live.get() + 1);
        std::mem::forget(core.clone());
    }
}
