//! Values between JavaScript and wasm.
//!
//! JavaScript's side writes and reads slots (lib/call.ts): numbers and vectors as they are, references as [`Token`]s. Calls
//! do that for all their values at once ([`crate::func`]); everything else, one value at a time, with [`Taken`] and
//! [`Given`].

use std::ptr;

use wasmtime::{HeapType, Ref, RefType, StoreContextMut, Val, ValRaw, ValType};

use crate::error::{Error, Result};
use crate::gc;
use crate::js::Js;
use crate::sig::{self, Refs};
use crate::store_core::{Core, Data};
use crate::types;

/// What stands for a reference in a slot.
#[derive(Clone, Copy, Debug)]
pub enum Token {
    Null,
    /// A value of JavaScript, by its number in the host table.
    Host(u32),
    I31(i32),
    /// A struct, an array or an exception, by its number in [`gc::Objects`].
    Object(u32),
    /// A function, by its number in [`crate::func::Funcs`].
    Func(u32),
}

impl Token {
    /// As the facade writes it: what it is, and the number.
    pub fn read(slot: &ValRaw) -> Token {
        let words = ptr::from_ref(slot).cast::<u32>();
        // SAFETY: a slot is 16 bytes. Two words are read as they were written: a wide read would wait for both.
        let (what, number) = unsafe { (*words, *words.add(1)) };
        match what {
            1 => Token::Host(number),
            2 => Token::I31(number.cast_signed()),
            3 => Token::Object(number),
            4 => Token::Func(number),
            _ => Token::Null,
        }
    }
    pub fn write(self, slot: &mut ValRaw) {
        let (what, number) = match self {
            Token::Null => (0, 0),
            Token::Host(number) => (1, number),
            Token::I31(value) => (2, value.cast_unsigned()),
            Token::Object(number) => (3, number),
            Token::Func(number) => (4, number),
        };
        *slot = ValRaw::u64(u64::from(number) << 32 | what);
    }
    /// Makes the reference, which is rooted in the scope that the caller has opened ([`gc::scope`]). What failed has given
    /// its number back.
    pub fn to_ref(self, core: &Core, context: &mut StoreContextMut<'_, Data>, ty: &RefType) -> Result<Ref> {
        let made = match (self, ty.heap_type()) {
            // The facade has refused null where it must not be. Should its slots have been tampered with, this counts.
            (Token::Null, _) if !ty.is_nullable() => None,
            (Token::Null, heap) => return Ok(Ref::null(heap)),
            (Token::Func(number), _) => Some(Ref::Func(Some(core.funcs.get(number)?))),
            (Token::Host(_), HeapType::Any | HeapType::Extern) => return gc::make(core, context, self, ty),
            (Token::Host(_), _) => None,
            _ => Some(gc::make(core, context, self, ty)?),
        };
        let fits = match (&made, ty.heap_type()) {
            (None, _) => false,
            // By its declared type: Wasmtime compares a function's parameters and results.
            (Some(Ref::Func(Some(func))), heap @ HeapType::ConcreteFunc(_)) => {
                HeapType::ConcreteFunc(func.ty(&*context)).matches(heap)
            }
            (Some(made), _) => made.matches_ty(&*context, ty).map_err(crate::trap::failure)?,
        };
        match made {
            Some(made) if fits => Ok(made),
            _ => {
                self.give_back(core);
                let message = format!("the value is not of type {}", types::ref_type_name(ty));
                Err(Error::type_error(message).into())
            }
        }
    }
    /// Frees the number of a value of JavaScript that did not become the guest's.
    pub fn give_back(self, core: &Core) {
        if let Token::Host(number) = self {
            core.freed.push(number);
        }
    }
    pub fn from_ref(core: &Core, context: &mut StoreContextMut<'_, Data>, made: Ref) -> Result<Token> {
        match made {
            Ref::Func(None) => Ok(Token::Null),
            Ref::Func(Some(func)) => Ok(Token::Func(core.funcs.number(context, func, None))),
            other => gc::token(core, context, other),
        }
    }
}

/// Tokens that JavaScript wrote become references. All are rooted before the first is made raw, because making one may
/// collect. On failure the guest has none of them.
#[inline(never)]
pub fn refs_in(core: &Core, context: StoreContextMut<'_, Data>, slots: &mut [ValRaw], refs: &Refs) -> Result<()> {
    gc::scope(context, |mut context| {
        if let [(place, ty)] = &refs[..] {
            let slot = &mut slots[usize::from(*place)];
            let made = Token::read(slot).to_ref(core, &mut context, ty)?;
            *slot = Val::from(made).to_raw(&mut context).map_err(crate::trap::failure)?;
            return Ok(());
        }
        let mut made = Vec::with_capacity(refs.len());
        for (i, (place, ty)) in refs.iter().enumerate() {
            let token = Token::read(&slots[usize::from(*place)]);
            let given = token.to_ref(core, &mut context, ty);
            made.push(given.inspect_err(|_| give_back(core, slots, &refs[i + 1..]))?);
        }
        for ((place, _), made) in refs.iter().zip(made) {
            slots[usize::from(*place)] = Val::from(made).to_raw(&mut context).map_err(crate::trap::failure)?;
        }
        Ok(())
    })
}

/// Values of JavaScript that the guest was to get and did not: their numbers are free again.
#[cold]
pub fn give_back(core: &Core, slots: &[ValRaw], refs: &[(u16, RefType)]) {
    for (place, _) in refs {
        Token::read(&slots[usize::from(*place)]).give_back(core);
    }
}

/// References become tokens that JavaScript can look up.
#[inline(never)]
pub fn refs_out(core: &Core, context: StoreContextMut<'_, Data>, slots: &mut [ValRaw], refs: &Refs) -> Result<()> {
    gc::scope(context, |mut context| {
        for (place, ty) in refs {
            let slot = &mut slots[usize::from(*place)];
            // SAFETY: wasm of this store put a value of this type into the slot, and nothing was collected since.
            let val = unsafe { Val::from_raw(&mut context, *slot, ValType::Ref(ty.clone())) };
            let made = val.ref_().ok_or_else(|| Error::internal("a reference was expected"))?;
            Token::from_ref(core, &mut context, made)?.write(slot);
        }
        Ok(())
    })
}

/// A value that JavaScript has given, as it stands in a slot.
#[derive(Clone, Copy)]
pub struct Taken(ValRaw);

impl Taken {
    /// Converts as the JS API does. User code may run (`valueOf`), so no store context may be held.
    pub fn from_js(core: &Core, value: Js, ty: &ValType) -> Result<Taken> {
        let kind = Js::string(core.env, sig::kind(ty))?;
        core.table()?.invoke("take", &[kind, value])?;
        Ok(Taken::from_slot(core, 0))
    }
    pub fn slot(self) -> ValRaw {
        self.0
    }
    /// What the facade has written into one of the slots.
    pub fn from_slot(core: &Core, place: usize) -> Taken {
        // SAFETY: the environment's slots are always initialized, and `place` is that of a parameter.
        Taken(unsafe { *core.data.slots().add(place) })
    }
    /// The value in the store, rooted in the scope that the caller has opened.
    pub fn to_val(self, core: &Core, context: &mut StoreContextMut<'_, Data>, ty: &ValType) -> Result<Val> {
        Ok(match ty {
            ValType::I32 => Val::I32(self.0.get_i32()),
            ValType::I64 => Val::I64(self.0.get_i64()),
            ValType::F32 => Val::F32(self.0.get_f32()),
            ValType::F64 => Val::F64(self.0.get_f64()),
            ValType::V128 => Val::V128(self.0.get_v128().into()),
            ValType::Ref(ty) => self.to_ref(core, context, ty)?.into(),
        })
    }
    pub fn to_ref(self, core: &Core, context: &mut StoreContextMut<'_, Data>, ty: &RefType) -> Result<Ref> {
        Token::read(&self.0).to_ref(core, context, ty)
    }
}

/// A value on its way to JavaScript: its kind, and what stands for it in a slot.
#[derive(Clone, Copy)]
pub struct Given(&'static str, pub ValRaw);

impl Given {
    pub fn from_val(core: &Core, context: &mut StoreContextMut<'_, Data>, val: Val) -> Result<Given> {
        let ty = val.ty(&*context).map_err(crate::trap::failure)?;
        let mut slot = ValRaw::u64(0);
        match val.ref_() {
            Some(made) => Token::from_ref(core, context, made)?.write(&mut slot),
            None => slot = val.to_raw(context).map_err(crate::trap::failure)?,
        }
        Ok(Given(sig::kind(&ty), slot))
    }
    pub fn to_js(self, core: &Core) -> Result<Js> {
        let kind = Js::string(core.env, self.0)?;
        let table = core.table()?;
        // SAFETY: the slot is the environment's, and nothing runs before the facade reads it.
        unsafe { *core.data.slots() = self.1 };
        table.invoke("give", &[kind])
    }
}
