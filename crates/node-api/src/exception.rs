//! [feature `gc`] Wasm's exceptions, in both directions. The class `Exception` is the facade's (lib/exception.ts).
//!
//! What JavaScript throws through wasm is a wasm exception on its way: an `Exception` of its own tag, anything else of a
//! hidden tag that carries an externref, as in the JS API. So `catch_all` catches it. What our own errors report (traps,
//! exits, deadlines) is not for guests to catch, and passes.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use napi::sys;
use napi_derive::napi;
use wasmtime::{
    AsContextMut, ExnRef, ExnRefPre, ExnType, FuncType, Rooted, StoreContextMut, TagType, ThrownException, Val, ValRaw,
    ValType,
};

use crate::error::{Error, Failure, Result, guard};
use crate::externs::Item;
use crate::gc;
use crate::gc::to_vals;
use crate::js::{Js, check};
use crate::sig;
use crate::store::Store;
use crate::store_core::{Core, Data, store_of_number};
use crate::tag::Tag;
use crate::trap;
use crate::val::{Given, Taken};

/// The tag of what JavaScript throws, once there is one.
#[derive(Default)]
pub struct JsTag(Cell<Option<wasmtime::Tag>>);

fn js_tag(core: &Core, context: &mut StoreContextMut<'_, Data>) -> Result<wasmtime::Tag> {
    if let Some(tag) = core.js_tag.0.get() {
        return Ok(tag);
    }
    let ty = TagType::new(FuncType::new(&core.engine.engine, [ValType::EXTERNREF], []));
    let tag = wasmtime::Tag::new(context, &ty).map_err(trap::failure)?;
    core.js_tag.0.set(Some(tag));
    Ok(tag)
}

fn make(context: &mut StoreContextMut<'_, Data>, tag: &wasmtime::Tag, payload: &[Val]) -> Result<Rooted<ExnRef>> {
    let ty = ExnType::from_tag_type(&tag.ty(&*context)).map_err(trap::failure)?;
    let pre = ExnRefPre::new(&mut *context, ty);
    ExnRef::new(context, &pre, tag, payload).map_err(trap::failure)
}

/// A wasm exception that nobody has caught, to be thrown in JavaScript.
pub struct Raised {
    core: Rc<Core>,
    what: What,
}
enum What {
    /// What JavaScript has thrown itself.
    Own(Given),
    Exception {
        number: u32,
        tag: wasmtime::Tag,
        kinds: String,
        payload: Vec<ValRaw>,
    },
}

/// What came out of wasm.
pub fn failure(core: &Core, context: StoreContextMut<'_, Data>, error: wasmtime::Error) -> Failure {
    if !error.is::<ThrownException>() {
        return trap::failure(trap::of_guest(error, core.page().as_deref()));
    }
    let what = gc::scope(context, |mut context| match context.take_pending_exception() {
        Some(exception) => What::of(core, &mut context, exception),
        None => Err(Error::internal("an exception was lost").into()),
    });
    match what {
        Ok(what) => Failure::Raised(Box::new(Raised {
            core: core.held(),
            what,
        })),
        Err(failure) => failure,
    }
}

impl What {
    fn of(core: &Core, context: &mut StoreContextMut<'_, Data>, exception: Rooted<ExnRef>) -> Result<What> {
        let tag = exception.tag(&mut *context).map_err(trap::failure)?;
        let fields: Vec<_> = exception.fields(&mut *context).map_err(trap::failure)?.collect();
        if let (Some(js), [value]) = (core.js_tag.0.get(), &fields[..])
            && wasmtime::Tag::eq(&js, &tag, &*context)
        {
            return Ok(What::Own(Given::from_val(core, context, *value)?));
        }
        let kinds = sig::kinds(tag.ty(&*context).ty().params());
        let payload = fields
            .into_iter()
            .map(|field| Given::from_val(core, context, field).map(|given| given.1))
            .collect::<Result<_>>()?;
        let number = core.objects.number_of_exn(context, exception)?;
        Ok(What::Exception {
            number,
            tag,
            kinds,
            payload,
        })
    }
}

/// The JavaScript object for an exception that came as an `exnref`. What stands in the slots meanwhile stays there.
pub fn object(core: &Rc<Core>, number: u32) -> Result<Js> {
    let what = core.enter(|context| {
        gc::scope(context, |mut context| {
            let exception = core.objects.exn(&mut context, number)?;
            What::of(core, &mut context, exception)
        })
    })??;
    let core = core.clone();
    let slots = ptr::slice_from_raw_parts_mut(core.data.slots(), crate::env::SLOTS - 1);
    // SAFETY: the environment's slots; nobody else has a reference into them.
    let kept = unsafe { (*slots).to_vec() };
    let made = Raised { core, what }.into_js();
    // SAFETY: as above.
    unsafe { (*slots).copy_from_slice(&kept) };
    made
}

impl Raised {
    /// The value to throw.
    pub fn into_js(self) -> Result<Js> {
        let core = &self.core;
        match self.what {
            What::Own(value) => value.to_js(core),
            What::Exception {
                number,
                tag,
                kinds,
                payload,
            } => {
                let env = core.env;
                let tag = Item::Tag(tag).to_js(core)?;
                let (number, kinds) = (Js::number(env, number.into())?, Js::string(env, &kinds)?);
                let table = core.table()?;
                // SAFETY: a tag has at most 1,000 parameters, and nothing runs before the facade reads the slots.
                unsafe { ptr::copy_nonoverlapping(payload.as_ptr(), core.data.slots(), payload.len()) };
                table.invoke("exception", &[number, tag, kinds])
            }
        }
    }
}

/// What a host function has thrown.
pub struct Caught {
    value: Js,
    /// The number of an exception, or the value itself.
    as_wasm: Option<AsWasm>,
}
enum AsWasm {
    Exception(u32),
    Value(Taken),
}

/// A host function has thrown: takes the exception that is pending in JavaScript, and asks the facade what it is for wasm.
/// None where the environment is ending. JavaScript runs, so the context must be where it can be found.
#[cold]
pub fn catch(core: &Core) -> Option<Caught> {
    let value = pending(core)?;
    // The number of an exception, -1 for any other value (which is then in the first slot), 0 for what no guest may catch.
    let kind = core
        .table()
        .and_then(|table| table.invoke("throwing", &[value])?.to_f64("kind"));
    let as_wasm = match kind {
        Ok(0.0) => None,
        Ok(number) if number > 0.0 => Some(AsWasm::Exception(number as u32)),
        Ok(_) => Some(AsWasm::Value(Taken::from_slot(core, 0))),
        Err(_) => {
            // There is no room on the stack, or the environment is ending. What failed is not what was thrown.
            pending(core);
            None
        }
    };
    Some(Caught { value, as_wasm })
}

fn pending(core: &Core) -> Option<Js> {
    let (mut pending, mut raw) = (false, ptr::null_mut());
    // SAFETY: the environment of this thread.
    unsafe {
        sys::napi_is_exception_pending(core.env, &mut pending);
        (pending && sys::napi_get_and_clear_last_exception(core.env, &mut raw) == sys::Status::napi_ok)
            .then_some(Js { env: core.env, raw })
    }
}

/// Throws it in wasm; or leaves it pending in JavaScript again.
#[cold]
pub fn throw(core: &Core, context: StoreContextMut<'_, Data>, caught: Option<Caught>) -> wasmtime::Error {
    raise(core, context, &caught).unwrap_or_else(|| leave(core, &caught))
}
/// Throws it in wasm. None where it is not for guests to catch, or the store's limits leave no room for an exception.
pub fn raise(core: &Core, context: StoreContextMut<'_, Data>, caught: &Option<Caught>) -> Option<wasmtime::Error> {
    let as_wasm = caught.as_ref()?.as_wasm.as_ref()?;
    gc::scope(context, |mut context| {
        let exception = match as_wasm {
            AsWasm::Exception(number) => core.objects.exn(&mut context, *number),
            AsWasm::Value(value) => value.to_val(core, &mut context, &ValType::EXTERNREF).and_then(|value| {
                let tag = js_tag(core, &mut context)?;
                make(&mut context, &tag, &[value])
            }),
        };
        context.throw::<()>(exception.ok()?).err()
    })
}
/// Leaves it pending in JavaScript again.
pub fn leave(core: &Core, caught: &Option<Caught>) -> wasmtime::Error {
    if let Some(Caught { value, .. }) = caught {
        // SAFETY: a live handle of this environment.
        unsafe { sys::napi_throw(core.env, value.raw) };
    }
    trap::carry(Failure::Thrown)
}

/// What a host function returned does not fit: an error as if it had thrown it.
#[cold]
pub fn refuse(core: &Core, failure: Failure) -> Option<Caught> {
    failure.throw(core.env);
    catch(core)
}

/// The kinds of what exceptions of a tag carry.
#[napi(skip_typescript)]
pub fn tag_kinds(tag: Js) -> napi::Result<String> {
    guard(tag.env, || {
        let tag = tag.class::<Tag>("tag")?;
        let ty = tag.ty()?;
        if let Some(js) = tag.core.js_tag.0.get()
            && tag.core.enter(|context| wasmtime::Tag::eq(&js, &tag.tag, &context))?
        {
            return Err(Error::type_error("this tag is of what JavaScript throws: throw the value itself").into());
        }
        Ok(sig::kinds(ty.ty().params()))
    })
}

/// Makes the wasm exception of an `Exception` whose payload the facade has put into the slots. Returns its number.
#[napi(skip_typescript)]
pub fn make_exception(tag: Js) -> napi::Result<u32> {
    guard(tag.env, || {
        let tag = tag.class::<Tag>("tag")?;
        let core = &tag.core;
        let types: Vec<_> = tag.ty()?.ty().params().collect();
        let taken: Vec<_> = (0..types.len()).map(|place| Taken::from_slot(core, place)).collect();
        core.enter(|context| {
            gc::scope(context, |mut context| {
                let payload = to_vals(core, &mut context, &taken, &types)?;
                let exception = make(&mut context, &tag.tag, &payload)?;
                core.objects.number_of_exn(&mut context, exception)
            })
        })?
    })
}

/// Keeps an exception of wasm for as long as its JavaScript object lives.
#[napi(skip_typescript)]
pub fn keep_exception(object: Js, store: Js, number: u32) -> napi::Result<()> {
    guard(object.env, || {
        let held = Box::new((store_of_number(store)?, number));
        held.0.objects.retain(number);
        // SAFETY: the finalizer takes the box back, once.
        check(unsafe {
            sys::napi_add_finalizer(
                object.env,
                object.raw,
                Box::into_raw(held).cast(),
                Some(exception_gone),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        })
    })
}
unsafe extern "C" fn exception_gone(_: sys::napi_env, held: *mut c_void, _: *mut c_void) {
    // SAFETY: the box that `keep_exception` gave away.
    let held = unsafe { Box::from_raw(held.cast::<(Rc<Core>, u32)>()) };
    held.0.objects.release(held.1);
    crate::store_core::drop_quietly(held);
}

#[napi]
impl Store {
    /// The tag of what JavaScript throws through wasm: a guest that imports it can catch that, and gets the value as its
    /// `externref`. Guests that don't can still catch it with `catch_all`.
    #[napi(getter, ts_return_type = "Tag")]
    pub fn js_tag(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            let core = &self.core;
            let tag = core.enter(|mut context| js_tag(core, &mut context.as_context_mut()))??;
            Item::Tag(tag).to_js(core)
        })
    }
}
