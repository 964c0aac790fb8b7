// What the specs of structs, arrays and types share: a guest that makes a struct with a field of every type, and small types.

import { RefType, Store } from "../index.js";
import { engineOf } from "./helper.js";

export const engine = engineOf();
export const fresh = () => new Store(engine);
export const show = (value: unknown) =>
  typeof value === "object" && value !== null ? (value.constructor?.name ?? "object") : `${typeof value} ${String(value)}`;
export const bytes = (...list: number[]) => Uint8Array.from({ length: 16 }, (_, i) => list[i] ?? 0);
export const i32 = { type: "i32" };
/** The type of a small struct, as JavaScript makes it. */
export const one = RefType.struct(engine, [{ type: "i32", mutable: true }]);

/** Makes a struct with a field of every type, and reads some. */
export const all = `(module
  (type $in (struct (field (mut i32))))
  (type $f (func (param i32) (result i32)))
  (type $ints (array (mut i32)))
  (type $all (struct (field (mut i32)) (field (mut i64)) (field (mut f32)) (field (mut f64)) (field (mut v128)) (field (mut i8))
    (field (mut i16)) (field (mut funcref)) (field (mut externref)) (field (mut anyref)) (field (mut eqref)) (field (mut i31ref))
    (field (mut structref)) (field (mut arrayref)) (field (mut exnref)) (field (mut (ref null $in))) (field (mut (ref $in)))
    (field (mut (ref null $f))) (field (mut (ref null $ints))) (field i32) (field (ref $in))))
  (tag $tag (export "tag"))
  (func $inc (export "inc") (type $f) (i32.add (local.get 0) (i32.const 1)))
  (func (export "other") (param i64))
  (func (export "in") (param i32) (result (ref $in)) (struct.new $in (local.get 0)))
  (func (export "ints") (result (ref $ints)) (array.new_fixed $ints 2 (i32.const 1) (i32.const 2)))
  (func (export "make") (result (ref $all)) (struct.new $all (i32.const -1) (i64.const -2) (f32.const 0.5) (f64.const 0.1)
    (v128.const i32x4 1 2 3 4) (i32.const -1) (i32.const -2) (ref.null func) (ref.null extern) (ref.null any) (ref.null eq)
    (ref.null i31) (ref.null struct) (ref.null array) (ref.null exn) (ref.null $in) (struct.new $in (i32.const 7)) (ref.null $f)
    (ref.null $ints) (i32.const 19) (struct.new $in (i32.const 20))))
  (func (export "s8") (param (ref $all)) (result i32) (struct.get_s $all 5 (local.get 0)))
  (func (export "u8") (param (ref $all)) (result i32) (struct.get_u $all 5 (local.get 0)))
  (func (export "s16") (param (ref $all)) (result i32) (struct.get_s $all 6 (local.get 0)))
  (func (export "i64") (param (ref $all)) (result i64) (struct.get $all 1 (local.get 0)))
  (func (export "lane") (param (ref $all)) (result i32) (i32x4.extract_lane 1 (struct.get $all 4 (local.get 0))))
  (func (export "call") (param (ref $all) i32) (result i32) (call_ref $f (local.get 1) (struct.get $all 17 (local.get 0))))
  (func (export "extern") (param (ref $all)) (result externref) (struct.get $all 8 (local.get 0)))
  (elem declare func $inc))`;
