//! [`Memory`], and the zero-copy views of it.
//!
//! `memory.buffer` is an ArrayBuffer over the mapping itself. A script can move its contents into another ArrayBuffer that we
//! know nothing of (`buffer.transfer()`), so a mapping is freed only when the last view's finalizer has run, and a memory
//! that may move when it grows has no views at all.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi::sys;
use napi_derive::napi;
use wasmtime::{SharedMemory, StoreContextMut};

use crate::atomics;
use crate::bytes::Bytes;
use crate::env::TRANSFER;
use crate::error::{Error, Failure, Result, guard};
use crate::externs::Item;
use crate::js::{Js, check, constructing};
use crate::store::Store;
use crate::store_core::{Core, Data};
use crate::{limits, share, threads, types};

/// The views of a store's memories.
#[derive(Default)]
pub struct Views {
    list: RefCell<Vec<View>>,
    /// ArrayBuffers over our mappings whose finalizers have not run.
    live: Cell<usize>,
}

struct View {
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
        let mut list = self.list.borrow_mut();
        let mut i = 0;
        while i < list.len() {
            let memory = list[i].memory;
            if memory.data_ptr(&context) == list[i].start && memory.data_size(&context) == list[i].len {
                i += 1;
            } else {
                list.swap_remove(i).detach(env);
            }
        }
    }
    /// Detaches the views of the memory that begins here.
    fn detach_at(&self, env: sys::napi_env, start: *mut u8) {
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
    fn find(&self, env: sys::napi_env, start: *mut u8, len: usize) -> Option<Js> {
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
    /// Copies bytes between a memory, which is named by its number, and the place where the facade (lib/memory.ts) puts them
    /// or finds them. It has written offset and length into the first two slots.
    pub fn transfer(&self, number: u32, into: bool) -> Result<Js> {
        // SAFETY: the slots are always initialized.
        let (offset, len) = unsafe {
            let slots = self.data.slots();
            (f64::from_bits((*slots).get_f64()), (*slots.add(1)).get_u32())
        };
        let (at, len) = (offset as u64, (len as usize).min(TRANSFER));
        self.enter_now(|context| {
            let found = self.externs.with(number, |item| match item {
                Item::Memory(memory) => Some((memory.data_ptr(&context), memory.data_size(&context), false)),
                Item::Shared(memory) => Some((memory.data().as_ptr().cast_mut().cast(), memory.data_size(), true)),
                _ => None,
            });
            let (start, size, shared) = found
                .flatten()
                .ok_or_else(|| Error::internal("no memory of this number"))?;
            let place = within(start, size, at, len)?;
            let waiting = self.data.transfer;
            // SAFETY: `within` has checked the memory's side, and there is room for TRANSFER bytes on the other. Nothing else
            // has them while this runs, save for other threads where the memory is shared.
            unsafe {
                match (into, shared) {
                    (false, false) => ptr::copy_nonoverlapping(place, waiting, len),
                    (true, false) => ptr::copy_nonoverlapping(waiting, place, len),
                    (false, true) => {
                        let bytes = atomics::read(place, len);
                        ptr::copy_nonoverlapping(bytes.as_ptr(), waiting, len);
                    }
                    (true, true) => atomics::write(place, std::slice::from_raw_parts(waiting, len)),
                }
            }
            Js::undefined(self.env)
        })?
    }
}

/// JavaScript has no string or buffer of that size.
fn too_large(env: sys::napi_env, len: usize, failure: Failure) -> Failure {
    if len < 1 << 28 {
        return failure;
    }
    let mut pending = ptr::null_mut();
    // SAFETY: the environment of the running call; where nothing is pending nothing happens.
    unsafe { sys::napi_get_and_clear_last_exception(env, &mut pending) };
    Error::range_error(format!("{len} bytes are more than fit into one value of JavaScript")).into()
}

/// The place of `len` bytes in a memory.
fn within(start: *mut u8, size: usize, at: u64, len: usize) -> Result<*mut u8> {
    if at > size as u64 || len as u64 > size as u64 - at {
        let message = format!("{len} bytes at {at} are outside of the memory, which has {size} bytes");
        return Err(Error::range_error(message).into());
    }
    // SAFETY: within the mapping by the check above.
    Ok(unsafe { start.add(at as usize) })
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

/// Linear memory: bytes that a guest works on.
///
/// `read`, `write`, `readString` and `writeString` copy, with bounds checked. `buffer` is the memory itself.
///
/// @example
/// ```ts
/// const memory = instance.exports.memory as Memory
/// const at = instance.exports.alloc(5)
/// memory.writeString(at, 'hello')
/// ```
#[napi]
pub struct Memory {
    pub(crate) core: Rc<Core>,
    pub(crate) kind: Kind,
    /// A place among what threads share, once it was asked for.
    pub(crate) shared: share::Place,
}

pub enum Kind {
    Own(wasmtime::Memory),
    /// Other threads may write to it at any time.
    Shared(SharedMemory),
}

impl Memory {
    pub fn of(core: Rc<Core>, kind: Kind) -> Memory {
        Memory {
            core,
            kind,
            shared: share::Place::default(),
        }
    }
    pub fn item(&self) -> Item {
        match &self.kind {
            Kind::Own(memory) => Item::Memory(*memory),
            Kind::Shared(memory) => Item::Shared(memory.clone()),
        }
    }
    /// Start and length, while nothing can change them.
    fn bytes(&self) -> Result<(*mut u8, usize)> {
        self.core.enter(|context| match &self.kind {
            Kind::Own(memory) => (memory.data_ptr(&context), memory.data_size(&context)),
            Kind::Shared(memory) => (memory.data().as_ptr().cast_mut().cast(), memory.data_size()),
        })
    }
    fn ty(&self) -> Result<wasmtime::MemoryType> {
        self.core.enter(|context| match &self.kind {
            Kind::Own(memory) => memory.ty(&context),
            Kind::Shared(memory) => memory.ty(),
        })
    }
    fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Shared(_))
    }
    /// The place of `len` bytes at `offset`.
    pub fn range(&self, offset: Js, len: usize) -> Result<*mut u8> {
        let (start, size) = self.bytes()?;
        within(start, size, offset.to_u64("offset", u64::MAX)?, len)
    }
    /// Bytes of the guest, for as long as nothing else runs; a copy of those that other threads may change.
    fn slice(&self, offset: Js, len: Js) -> Result<Cow<'_, [u8]>> {
        let len = len.to_u64("length", u64::MAX)? as usize;
        let start = self.range(offset, len)?;
        if self.is_shared() {
            // SAFETY: `range` has checked the bounds; a shared memory neither moves nor shrinks.
            return Ok(Cow::Owned(unsafe { atomics::read(start, len) }));
        }
        // SAFETY: `range` has checked the bounds, and the JavaScript thread has the store.
        Ok(Cow::Borrowed(unsafe { std::slice::from_raw_parts(start, len) }))
    }
    fn put(&self, offset: Js, bytes: &[u8]) -> Result<()> {
        let start = self.range(offset, bytes.len())?;
        // SAFETY: `range` has checked the bounds; the source may be a view of the same memory, so it may overlap.
        unsafe {
            if self.is_shared() {
                atomics::write(start, bytes);
            } else {
                ptr::copy(bytes.as_ptr(), start, bytes.len());
            }
        }
        Ok(())
    }

    fn view(&self, env: sys::napi_env, memory: wasmtime::Memory, start: *mut u8, len: usize) -> Result<Js> {
        let (mut raw, mut hold) = (ptr::null_mut(), ptr::null());
        if len == 0 {
            let mut data = ptr::null_mut();
            // SAFETY: an ArrayBuffer of no bytes.
            check(unsafe { sys::napi_create_arraybuffer(env, 0, &mut data, &mut raw) })?;
        } else {
            let held = Rc::new(Hold {
                core: self.core.clone(),
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
            self.core.views.live.set(self.core.views.live.get() + 1);
            if self.core.data.is_worker {
                guard_view(env, &held)?;
            }
        }
        let mut buffer = ptr::null_mut();
        // SAFETY: a live handle; the reference is weak.
        check(unsafe { sys::napi_create_reference(env, raw, 0, &mut buffer) })?;
        self.core.views.list.borrow_mut().push(View {
            memory,
            start,
            len,
            buffer,
            hold,
        });
        Ok(Js { env, raw })
    }
}

#[napi]
impl Memory {
    /// Makes a memory in `store`, to be imported. Sizes are in pages (64 KiB, or what `pageSize` says: 1). One that is
    /// `shared` has a maximum, and can be given to other threads (`share`); its pages count for no store's limits.
    ///
    /// Throws `RangeError` for sizes that can't be, or that the store's limits forbid.
    #[napi(constructor, ts_args_type = "store: Store, type: MemoryType")]
    pub fn new(this: This<Js>, store: Js, ty: Js) -> napi::Result<Self> {
        guard(store.env, || {
            constructing::<Memory>(this.object)?;
            let core = &store.class::<Store>("store")?.core;
            let ty = types::memory_type(ty)?;
            let kind = if ty.is_shared() {
                core.usable()?;
                Kind::Shared(threads::memory(core, ty)?)
            } else {
                let memory = core
                    .enter(|mut context| limits::make(&mut context, |context| wasmtime::Memory::new(context, ty)))?
                    .map_err(types::out_of_range)?;
                Kind::Own(memory)
            };
            let memory = Memory::of(core.clone(), kind);
            memory.item().adopt(core, this.object)?;
            Ok(memory)
        })
    }

    /// The memory itself, without a copy. It is detached (its length becomes 0) when the memory grows and when the store is
    /// disposed; ask for it again then. The same object until then.
    ///
    /// Throws `TypeError` for a memory that may move when it grows (64-bit ones) or is shared, and in runtimes that allow no
    /// such buffers (Electron): `read` and `write` work everywhere.
    #[napi(getter, ts_return_type = "ArrayBuffer")]
    pub fn buffer(&self, env: napi::Env) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || {
            let Kind::Own(memory) = self.kind else {
                let message = "a shared memory has no buffer: use read, write and the atomic methods";
                return Err(Error::type_error(message).into());
            };
            let ty = self.ty()?;
            let most = ty
                .maximum()
                .map_or(u64::MAX, |pages| pages.saturating_mul(ty.page_size()));
            let most = if ty.is_64() { most } else { most.min(4 << 30) };
            if most > self.core.engine.profile().memory_reservation() {
                return Err(Error::type_error("this memory may move when it grows: use read and write").into());
            }
            let (start, len) = self.bytes()?;
            match self.core.views.find(env, start, len) {
                Some(buffer) => Ok(buffer),
                None => self.view(env, memory, start, len),
            }
        })
    }

    /// Size in bytes.
    #[napi(getter)]
    pub fn byte_length(&self, env: napi::Env) -> napi::Result<f64> {
        guard(env.raw(), || Ok(self.bytes()?.1 as f64))
    }

    /// Size in pages; a bigint for a 64-bit memory.
    #[napi(getter, ts_return_type = "number | bigint")]
    pub fn pages(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            let pages = self.core.enter(|context| match &self.kind {
                Kind::Own(memory) => memory.size(&context),
                Kind::Shared(memory) => memory.size(),
            })?;
            types::size(env.raw(), pages, self.ty()?.is_64())
        })
    }

    /// The type, with the size it was made with.
    #[napi(getter, js_name = "type", ts_return_type = "MemoryType")]
    pub fn memory_type(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || types::memory_to_js(env.raw(), &self.ty()?))
    }

    /// Grows by so many pages, and returns the size before. `buffer` is detached.
    ///
    /// Throws `RangeError` beyond the maximum or a limit of the store.
    #[napi(ts_args_type = "pages: number | bigint", ts_return_type = "number | bigint")]
    pub fn grow(&self, pages: Js) -> napi::Result<Js> {
        guard(pages.env, || {
            let delta = pages.to_u64("pages", u64::MAX)?;
            let before = self
                .core
                .enter(|context| match &self.kind {
                    Kind::Own(memory) => memory.grow(context, delta),
                    Kind::Shared(memory) => memory.grow(delta),
                })?
                .map_err(types::out_of_range)?;
            // By no pages at all is a growth too: the JS API has a new buffer afterwards.
            if delta == 0 && !self.is_shared() {
                self.core.views.detach_at(pages.env, self.bytes()?.0);
            }
            types::size(pages.env, before, self.ty()?.is_64())
        })
    }

    /// Copies `length` bytes at `offset` out of the memory.
    ///
    /// Throws `RangeError` outside of it.
    #[napi(ts_args_type = "offset: number | bigint, length: number", ts_return_type = "Buffer")]
    pub fn read(&self, offset: Js, length: Js) -> napi::Result<Js> {
        guard(offset.env, || {
            let bytes = self.slice(offset, length)?;
            Js::buffer(offset.env, &bytes).map_err(|failure| too_large(offset.env, bytes.len(), failure))
        })
    }

    /// Copies bytes into the memory at `offset`.
    ///
    /// Throws `RangeError` where they would not fit; then nothing is written.
    #[napi(ts_args_type = "offset: number | bigint, bytes: Uint8Array")]
    pub fn write(&self, offset: Js, bytes: Js) -> napi::Result<()> {
        guard(offset.env, || self.put(offset, &Bytes::read(bytes, "bytes")?))
    }

    /// Decodes `length` bytes at `offset` as UTF-8, as `TextDecoder` does: wrong bytes become U+FFFD, or with
    /// `{ fatal: true }` a `TypeError`. A byte order mark is kept.
    #[napi(
        ts_args_type = "offset: number | bigint, length: number, options?: { fatal?: boolean }",
        ts_return_type = "string"
    )]
    pub fn read_string(&self, offset: Js, length: Js, options: Js) -> napi::Result<Js> {
        guard(offset.env, || {
            let fatal = !options.is_undefined() && {
                let fatal = options.to_object("options")?.get("fatal")?;
                !fatal.is_undefined() && fatal.to_bool("options.fatal")?
            };
            let bytes = &*self.slice(offset, length)?;
            if fatal && std::str::from_utf8(bytes).is_err() {
                return Err(Error::type_error("the bytes are no valid UTF-8").into());
            }
            let text = String::from_utf8_lossy(bytes);
            Js::string(offset.env, &text).map_err(|failure| too_large(offset.env, text.len(), failure))
        })
    }

    /// Writes a string as UTF-8 at `offset`, without a NUL, and returns how many bytes that took. A lone surrogate becomes
    /// U+FFFD.
    ///
    /// Throws `RangeError` where it would not fit; then nothing is written.
    #[napi(ts_args_type = "offset: number | bigint, text: string")]
    pub fn write_string(&self, offset: Js, text: Js) -> napi::Result<u32> {
        guard(offset.env, || {
            let text = text.to_str("text")?;
            self.put(offset, text.as_bytes())?;
            Ok(text.len() as u32)
        })
    }
}
