//! [`Memory`]. The zero-copy views of it are in `views.rs`.

use std::borrow::Cow;
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi::sys;
use napi_derive::napi;
use wasmtime::SharedMemory;

use crate::atomics;
use crate::bytes::Bytes;
use crate::env::TRANSFER;
use crate::error::{Error, Failure, Result, guard};
use crate::externs::Item;
use crate::js::{Js, constructing};
use crate::store::Store;
use crate::store_core::Core;
use crate::{limits, share, threads, types};

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
                None => self.core.view(memory, start, len),
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
