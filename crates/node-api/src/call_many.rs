//! What is under the facade's `callMany`: one crossing for many calls.

use std::ptr;

use napi::sys;
use napi_derive::napi;
use wasmtime::{AsContextMut, StoreContextMut, ValRaw};

use crate::error::{Error, Failure, Result, guard};
use crate::js::Js;
use crate::sig::Sig;
use crate::store_core::{Core, Data, store_of_number};
use crate::{bytes, deadline, exception};

/// The one type of all the parameters, or of all the results.
fn kind<'a>(kinds: &'a str, what: &str) -> Result<Option<&'a str>> {
    let mut all = kinds.split(',').filter(|kind| !kind.is_empty());
    let Some(first) = all.next() else { return Ok(None) };
    if matches!(first, "i32" | "i64" | "f32" | "f64") && all.all(|kind| kind == first) {
        return Ok(Some(first));
    }
    let message = format!("callMany needs one numeric type for all {what}, the function has ({kinds})");
    Err(Error::type_error(message).into())
}

/// A typed array of numbers of a wasm type.
struct Numbers {
    start: *mut u8,
    len: usize,
    /// Bytes of an element.
    size: usize,
}

impl Numbers {
    /// Where the array is now. JavaScript may move or detach it whenever it runs.
    fn of(array: Js, kind: Option<&str>, what: &str) -> Result<Numbers> {
        use sys::TypedarrayType as T;
        let (wanted, size): (&[_], _) = match kind {
            Some("i32") => (&[T::int32_array, T::uint32_array], 4),
            Some("f32") => (&[T::float32_array], 4),
            Some("i64") => (&[T::bigint64_array, T::biguint64_array], 8),
            Some("f64") => (&[T::float64_array], 8),
            _ => (&[], 1),
        };
        match bytes::typed_array(array) {
            Some((found, start, bytes)) if wanted.is_empty() || wanted.contains(&found) => Ok(Numbers {
                start,
                len: bytes / size,
                size,
            }),
            found => {
                let kind = kind.unwrap_or("any number");
                let got = found.map_or_else(|| array.describe(), |_| "one of another type".into());
                Err(Error::type_error(format!("{what} must be a typed array of {kind}, got {got}")).into())
            }
        }
    }
    fn get(&self, place: usize, slot: &mut ValRaw) {
        // SAFETY: `place` is below `len`, and the numbers are aligned as typed arrays are.
        *slot = unsafe {
            match self.size {
                4 => ValRaw::u32(self.start.cast::<u32>().add(place).read()),
                _ => ValRaw::u64(self.start.cast::<u64>().add(place).read()),
            }
        };
    }
}

struct Batch<'a> {
    func: wasmtime::Func,
    sig: &'a Sig,
    args: Numbers,
    rows: usize,
    /// Results of the rows that are done.
    results: Vec<u8>,
}

impl Batch<'_> {
    /// Calls row by row, until one fails.
    fn run(&mut self, core: &Core, mut context: StoreContextMut<'_, Data>, size: usize) -> Result<()> {
        let (params, results) = (self.sig.params, self.sig.results);
        let mut slots = vec![ValRaw::u64(0); self.sig.slots()];
        let page = core.page();
        for row in 0..self.rows {
            deadline::in_time(page.as_deref())?;
            for (place, slot) in slots[..params].iter_mut().enumerate() {
                self.args.get(row * params + place, slot);
            }
            // SAFETY: the slots hold arguments of the function's types, and the store is the function's.
            let called = unsafe { self.func.call_unchecked(context.as_context_mut(), &raw mut slots[..]) };
            called.map_err(|error| exception::failure(core, context.as_context_mut(), error))?;
            for slot in &slots[..results] {
                match size {
                    4 => self.results.extend_from_slice(&slot.get_u32().to_ne_bytes()),
                    _ => self.results.extend_from_slice(&slot.get_u64().to_ne_bytes()),
                }
            }
        }
        Ok(())
    }
}

/// Calls a function of a store, both by number, for each row of `args`. Returns how many rows were done.
#[napi(skip_typescript)]
pub fn call_many(store: Js, number: u32, args: Js, out: Js) -> napi::Result<f64> {
    guard(store.env, || {
        let core = store_of_number(store)?;
        let (func, sig) = (core.funcs.get(number)?, core.funcs.sig(number)?);
        let (params, results) = sig.text.split_once(':').unwrap_or_default();
        let (params, results) = (kind(params, "parameters")?, kind(results, "results")?);
        let given = Numbers::of(args, params, "args")?;
        let space = Numbers::of(out, results, "out")?;
        let rows = match (sig.params, sig.results) {
            (0, 0) => return Err(Error::type_error("callMany needs a function with parameters or results").into()),
            (0, results) => space.len / results,
            (params, _) => given.len / params,
        };
        if rows * sig.params != given.len && sig.params > 0 {
            let message = format!(
                "args must have whole rows of {}, it has {} numbers",
                sig.params, given.len
            );
            return Err(Error::range_error(message).into());
        }
        if rows * sig.results > space.len {
            let message = format!(
                "out must have room for {rows} rows of {}, it has {}",
                sig.results, space.len
            );
            return Err(Error::range_error(message).into());
        }
        // The guest's host functions may do anything with the arrays, so it works on copies.
        let mut copy = vec![0u64; (given.len * given.size).div_ceil(8)];
        // SAFETY: as many bytes as the array has; they are read before JavaScript runs again.
        unsafe { ptr::copy_nonoverlapping(given.start, copy.as_mut_ptr().cast(), given.len * given.size) };
        let mut batch = Batch {
            func,
            sig,
            args: Numbers {
                start: copy.as_mut_ptr().cast(),
                ..given
            },
            rows,
            results: Vec::with_capacity(rows * sig.results * space.size),
        };
        core.has_stack()?;
        let ended = core.timed(|| core.enter_now(|context| batch.run(&core, context, space.size))?);
        let done = batch.results.len();
        let kept = Numbers::of(out, results, "out").and_then(|space| {
            if space.len * space.size < done {
                return Err(Failure::from(Error::type_error(
                    "out was detached or made smaller meanwhile",
                )));
            }
            // SAFETY: the array is there, with room for so many bytes.
            unsafe { ptr::copy_nonoverlapping(batch.results.as_ptr(), space.start, done) };
            Ok(())
        });
        ended?;
        kept?;
        Ok(rows as f64)
    })
}
