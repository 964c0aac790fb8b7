//! JavaScript to wasm: how a call travels. docs/design.md, section 4, has the whole picture; `host.rs` is the way back.
//!
//! An exported function is a closure that the facade makes for the signature (lib/call.ts). It coerces its arguments into
//! locals, writes them and the header into the environment's slots, and calls [`enter`], which takes no argument. Nothing
//! else may use the slots between the writing of the arguments and their reading by wasm, nor between the writing of the
//! results and their reading by the closure.

use std::cell::{RefCell, UnsafeCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use napi::sys;
use napi_derive::napi;
use rustc_hash::FxHashMap;
use wasmtime::{AsContextMut, StoreContextMut, ValRaw};

use crate::env::EnvData;
use crate::error::{Error, Result, guard};
use crate::js::Js;
use crate::sig::Sig;
use crate::store::Store;
use crate::store_core::{Core, Data, store_of_number};
use crate::val::{give_back, refs_in, refs_out};
use crate::{exception, gc_ref, types};

/// Up to so many slots of a call are on the stack.
const FEW: usize = 16;

/// The functions of a store that JavaScript has seen, by number from 1. The same wasm function has the same number, so the
/// facade finds the same JavaScript function for it.
#[derive(Default)]
pub struct Funcs {
    /// Only ever added to; read on the path of every call.
    list: UnsafeCell<Vec<Entry>>,
    by_identity: RefCell<FxHashMap<[usize; 2], u32>>,
}

/// A function that is called, and its signature, which is there as long as its store.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "for builds with fibers")]
pub struct Called {
    pub func: wasmtime::Func,
    pub sig: *const Sig,
}

#[derive(Clone, Copy)]
struct Entry {
    func: wasmtime::Func,
    /// An `Arc`'s, which is given to the entry for good and taken back when the list is dropped.
    sig: *const Sig,
    slots: u32,
    /// Whether it may work on the environment's slots themselves: see [`Core::call`].
    in_place: bool,
}

impl Drop for Funcs {
    fn drop(&mut self) {
        for entry in self.list.get_mut() {
            // SAFETY: the count that `number` gave to the entry, once.
            drop(unsafe { Arc::from_raw(entry.sig) });
        }
    }
}

impl Funcs {
    /// The number of a function. `sig` is looked up in the store where the caller does not know it.
    pub fn number(&self, context: &mut StoreContextMut<'_, Data>, func: wasmtime::Func, sig: Option<&Arc<Sig>>) -> u32 {
        let raw = func.to_raw(&mut *context).cast_const().cast::<usize>();
        // SAFETY: a raw funcref of Wasmtime points to a `VMFuncRef`, repr(C): two entry points, a type index, the context.
        // Each instance that imports a function has one of its own, but the first entry point and the context are the
        // function's. Layout and meaning are those of the pinned version; specs of identity stand guard over updates.
        let identity = unsafe { [raw.read(), raw.add(3).read()] };
        *self.by_identity.borrow_mut().entry(identity).or_insert_with(|| {
            let sig = sig.cloned().unwrap_or_else(|| Sig::new(&func.ty(&*context)));
            // SAFETY: every context of Wasmtime begins with four bytes that say what it is the context of.
            let is_wasm = unsafe { (identity[1] as *const [u8; 4]).read() } == *b"core";
            let in_place = is_wasm && sig.plain;
            let entry = Entry {
                func,
                slots: sig.slots() as u32,
                in_place,
                sig: Arc::into_raw(sig),
            };
            // SAFETY: only this thread has the list, and no reference into it outlives a statement.
            let list = unsafe { &mut *self.list.get() };
            list.push(entry);
            list.len() as u32
        })
    }
    pub fn get(&self, number: u32) -> Result<wasmtime::Func> {
        Ok(self.entry(number)?.func)
    }
    #[allow(dead_code, reason = "for builds with fibers")]
    pub fn called(&self, number: u32) -> Result<Called> {
        let Entry { func, sig, .. } = self.entry(number)?;
        Ok(Called { func, sig })
    }
    pub fn sig(&self, number: u32) -> Result<&Sig> {
        // SAFETY: as long as the list is there, so are its signatures.
        Ok(unsafe { &*self.entry(number)?.sig })
    }
    /// What the JS API calls a function: its index in its module, or for a host function in its store.
    fn name(&self, core: &Core, number: u32) -> Result<String> {
        let code = self.code(core, number)?;
        Ok(core.index_of(code).unwrap_or(number - 1).to_string())
    }
    /// Where its own code begins.
    pub fn code(&self, core: &Core, number: u32) -> Result<usize> {
        let func = self.get(number)?;
        core.enter(|context| {
            let raw = func.to_raw(context).cast_const().cast::<usize>();
            // SAFETY: as in `number`: the second entry point is the function's own code, or null for host functions.
            unsafe { raw.add(1).read() }
        })
    }
    #[inline(always)]
    fn entry(&self, number: u32) -> Result<Entry> {
        // SAFETY: as in `number`.
        match unsafe { (&*self.list.get()).get((number as usize).wrapping_sub(1)) } {
            Some(entry) => Ok(*entry),
            None => Err(Error::internal("there is no function of this number").into()),
        }
    }
}

/// The one way from JavaScript into wasm: a raw Node-API function without arguments. The header says what is called: a
/// function by its number, or one of the facade's questions, which are no positive numbers.
pub unsafe extern "C" fn enter(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut data: *mut c_void = ptr::null_mut();
    // SAFETY: `data` is what `init` gave the function: the environment's data, which outlives every call. A store in its
    // list is alive: it is taken off by the finalizer of its host table, which every caller holds.
    let (data, core, number) = unsafe {
        sys::napi_get_cb_info(env, info, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), &mut data);
        let data = &*data.cast::<EnvData>();
        let (number, store) = data.header();
        (data, data.store(store).as_ref(), number)
    };
    let result = match core {
        None => Err(Error::internal("there is no store of this number").into()),
        Some(core) if number > 0 => {
            let called = core.call(data, number as u32);
            // SAFETY: nothing here uses it any more.
            unsafe { core.bury() };
            match called {
                Ok(()) => return ptr::null_mut(),
                Err(failure) => Err(failure),
            }
        }
        Some(core) => {
            let answer = core.held().answer(number, data.operand());
            // SAFETY: as above.
            unsafe { core.bury() };
            answer
        }
    };
    match result {
        Ok(value) => value.raw,
        Err(failure) => {
            failure.throw(env);
            ptr::null_mut()
        }
    }
}

impl Core {
    /// Answers a question of the facade (lib/call.ts).
    fn answer(self: &Rc<Core>, question: i32, operand: u32) -> Result<Js> {
        let env = self.env;
        match question {
            // Which values of JavaScript has the guest let go?
            0 => Js::number(env, self.freed.take(|numbers| self.data.answer(numbers)) as f64),
            -1 => Js::string(env, &self.funcs.sig(operand)?.text),
            -2 => Js::string(env, &self.funcs.name(self, operand)?),
            -3 => gc_ref::object(self, operand),
            // Bytes out of a memory, or into one.
            -4 => self.transfer(operand, false),
            -5 => self.transfer(operand, true),
            // A call that may wait.
            -6 => self.begin_call(operand),
            -7 => self.turn(),
            -8 => self.end_call(),
            -9 => self.extern_object(operand),
            -10 => self.exports(operand),
            -11 => self.exports_shape(operand),
            _ => self.exports_names(operand),
        }
    }

    /// Calls an exported function with what is in the slots. Panics are caught by [`Core::enter_now`].
    #[inline(always)]
    fn call(&self, data: &EnvData, number: u32) -> Result<()> {
        if self.is_timed() {
            return self.call_timed(data, number);
        }
        self.call_untimed(data, number)
    }
    #[cold]
    #[inline(never)]
    fn call_timed(&self, data: &EnvData, number: u32) -> Result<()> {
        self.timed(|| self.call_untimed(data, number))
    }
    #[inline(always)]
    fn call_untimed(&self, data: &EnvData, number: u32) -> Result<()> {
        let entry = self.funcs.entry(number)?;
        self.has_stack()?;
        if !entry.in_place {
            return self.call_on_copy(data, entry.func, self.funcs.sig(number)?);
        }
        // Compiled code takes all arguments out of the slots before it does anything else, and puts the results in when all
        // is done, so what uses the slots in between does no harm.
        let slots = ptr::slice_from_raw_parts_mut(data.slots(), entry.slots as usize);
        self.enter_now(|mut context| {
            // SAFETY: the slots hold arguments of the function's type: the facade wrote them by the signature we gave it. This
            // store is the function's: its number is from this store's list.
            let called = unsafe { entry.func.call_unchecked(context.as_context_mut(), slots) };
            called.map_err(|error| exception::failure(self, context, error))
        })?
    }

    /// The same for references, which are made of what is in the slots, and for host functions, which have a Rust reference to
    /// their slots.
    #[inline(never)]
    fn call_on_copy(&self, data: &EnvData, func: wasmtime::Func, sig: &Sig) -> Result<()> {
        let slots = data.slots();
        let mut few = [ValRaw::i32(0); FEW];
        let mut many = Vec::new();
        let stack = if sig.slots() <= FEW {
            &mut few[..sig.slots()]
        } else {
            many.resize(sig.slots(), ValRaw::i32(0));
            &mut many[..]
        };
        // SAFETY: both have so many slots; those of the environment are always initialized (the facade's ArrayBuffer).
        unsafe { ptr::copy_nonoverlapping(slots, stack.as_mut_ptr(), sig.params) };
        let entered = self.enter_now(|mut context| -> Result<()> {
            refs_in(
                self,
                context.as_context_mut(),
                &mut stack[..sig.params],
                &sig.param_refs,
            )?;
            // SAFETY: as in `call`; references were made just now.
            let called = unsafe { func.call_unchecked(&mut context, &raw mut *stack) };
            called.map_err(|error| exception::failure(self, context.as_context_mut(), error))?;
            refs_out(self, context, &mut stack[..sig.results], &sig.result_refs)
        });
        if entered.is_err() {
            // The store could not be entered, so the values that JavaScript has numbered for the guest are still in `stack`.
            give_back(self, stack, &sig.param_refs);
        }
        entered??;
        // SAFETY: as for the copy above; nothing else runs before JavaScript reads them.
        unsafe { ptr::copy_nonoverlapping(stack.as_ptr(), slots, sig.results) };
        Ok(())
    }

    /// Runs what may run wasm: a wasm exception that comes out is thrown as one.
    pub fn run<R>(&self, body: impl FnOnce(&mut StoreContextMut<'_, Data>) -> wasmtime::Result<R>) -> Result<R> {
        self.has_stack()?;
        self.timed(|| {
            self.enter(|mut context| {
                let result = body(&mut context);
                result.map_err(|error| exception::failure(self, context, error))
            })?
        })
    }
}

/// Functions of wasm are plain JavaScript functions; this is where host functions get a wasm type.
#[napi]
pub struct Func {}

#[napi]
impl Func {
    /// There is no such constructor; napi would throw an error without a class.
    #[napi(constructor, skip_typescript)]
    pub fn new(env: napi::Env) -> napi::Result<Self> {
        guard(env.raw(), || {
            Err(Error::type_error("Func has no constructor: use Func.wrap").into())
        })
    }

    /// The type of an exported function, as imports and exports describe it.
    ///
    /// Throws `TypeError` for any other value.
    #[napi(js_name = "type", ts_args_type = "fn: ExportedFunction", ts_return_type = "FuncType")]
    pub fn type_of(function: Js) -> napi::Result<Js> {
        let env = function.env;
        guard(env, || {
            let function = function.to_function("fn")?;
            let found = EnvData::of(env)?.call(env, "identify", &[function])?;
            let core = store_of_number(found.index(1)?)?;
            let func = core.funcs.get(found.index(2)?.to_u32("number")?)?;
            types::func_to_js(env, &core.enter(|context| func.ty(&context))?)
        })
    }

    /// Makes a wasm function of a JavaScript one: to be put into a table or a global, or passed as an import. The result is
    /// an exported function of the store: it coerces its arguments by `type`, and `fn`'s result too.
    ///
    /// Throws `TypeError` for a type that is none.
    ///
    /// @example
    /// ```ts
    /// const double = Func.wrap(store, { parameters: ['i32'], results: ['i32'] }, x => x * 2)
    /// table.set(0, double)
    /// ```
    #[napi(
        ts_args_type = "store: Store, type: FuncType, fn: (...args: any[]) => unknown",
        ts_return_type = "ExportedFunction"
    )]
    pub fn wrap(store: Js, ty: Js, function: Js) -> napi::Result<Js> {
        let env = store.env;
        guard(env, || {
            let core = &store.class::<Store>("store")?.core;
            let ty = types::func_type(&core.engine.engine, ty)?;
            let function = function.to_function("fn")?;
            let sig = Sig::new(&ty);
            core.usable()?;
            let table = core.table()?;
            let index = table
                .invoke("import", &[Js::string(env, &sig.text)?, function])?
                .to_u32("index")?;
            let number = core.enter(|mut context| {
                let func = core.host_func(&mut context, ty, &sig, index);
                core.funcs.number(&mut context, func, Some(&sig))
            })?;
            table.invoke("func", &[Js::number(env, number.into())?])
        })
    }
}
