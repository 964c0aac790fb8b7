//! Modules of text: what the pass makes of them.

#![allow(missing_docs, reason = "tests")]

use cwasm_interrupt::{Checks, Error, Form, Interruptible, Options, checks, interruptible};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef, Validator, WasmFeatures};

const IMPORT: (&str, &str) = ("host", "page");
const ALL: [Options; 2] = [options(Form::Fault), options(Form::Flag)];
const fn options(form: Form) -> Options {
    Options { form, import: IMPORT }
}

fn parsed(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("valid text")
}
fn made(text: &str, options: Options) -> Interruptible {
    let made = interruptible(&parsed(text), options).expect("a valid module");
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&made.wasm)
        .expect("a valid module with checks");
    made
}
/// How many checks there are, which is the same for all options.
fn counted(text: &str) -> Checks {
    let all = ALL.map(|options| checks(&made(text, options).wasm, options.form).expect("all checks are there"));
    assert!(all.iter().all(|each| *each == all[0]));
    all[0]
}

#[test]
fn each_loop_has_a_check_and_each_function_that_calls() {
    let text = r#"(module
        (import "a" "f" (func $f)) (table 1 funcref) (type $v (func)) (elem declare func $f)
        (func $leaf (param i32) (result i32) (local.get 0))
        (func (call $f))
        (func (call_indirect (type $v) (i32.const 0)))
        (func (return_call $f))
        (func (return_call_indirect (type $v) (i32.const 0)))
        (func (call_ref $v (ref.func $f)))
        (func (return_call_ref $v (ref.func $f)))
        (func (param i32) (loop $a (loop $b (br_if $a (local.get 0)) (br_if $b (local.get 0)))))
        (func (loop (call $f))))"#;
    assert_eq!(counted(text), Checks { loops: 3, entries: 7 });
}

#[test]
fn a_loop_that_takes_and_gives_values_has_a_check_too() {
    let text = "(module (func (param i32) (result i32)
        (local.get 0) (loop (param i32) (result i32) (i32.const 1) (i32.sub) (local.tee 0) (local.get 0) (br_if 0))))";
    assert_eq!(counted(text), Checks { loops: 1, entries: 0 });
}

#[test]
fn the_bodies_of_tight_loops_stand_there_several_times_and_others_do_not() {
    let bodies = |text: &str| {
        let wasm = made(text, ALL[0]).wasm;
        let mut stores = 0;
        for payload in Parser::new(0).parse_all(&wasm) {
            let Ok(Payload::CodeSectionEntry(body)) = payload else {
                continue;
            };
            let operators = body.get_operators_reader().expect("operators");
            stores += operators
                .into_iter()
                .filter(|operator| matches!(operator, Ok(wasmparser::Operator::I64Store { .. })))
                .count();
        }
        stores
    };
    let store = "(i64.store (local.get 0) (i64.const 1)) (local.set 0 (i32.sub (local.get 0) (i32.const 8)))";
    let around = |body: &str| format!("(module (memory 1) (func $f (param i32) {body}))");
    assert_eq!(
        bodies(&around(&format!("(loop $l {store} (br_if $l (local.get 0)))"))),
        4
    );
    // Another branch, a call, a block, something behind the branch, a result, no branch, and much.
    for body in [
        format!("(block $b (loop $l {store} (br_if $b (local.get 0)) (br_if $l (local.get 0))))"),
        format!("(loop $l {store} (call $f (i32.const 0)) (br_if $l (local.get 0)))"),
        format!("(loop $l (block {store}) (br_if $l (local.get 0)))"),
        format!("(loop $l {store} (br_if $l (local.get 0)) (local.set 0 (i32.const 3)))"),
        format!("(drop (loop $l (result i32) {store} (br_if $l (local.get 0)) (i32.const 1)))"),
        format!("(loop $l {store})"),
    ] {
        assert_eq!(bodies(&around(&body)), 1, "{body}");
    }
    assert_eq!(
        bodies(&around(&format!(
            "(loop $l {} (br_if $l (local.get 0)))",
            store.repeat(5)
        ))),
        5
    );
}

#[test]
fn memories_keep_their_place_behind_the_one_that_is_imported() {
    let text = r#"(module
        (import "a" "m" (memory $m 1)) (import "a" "f" (func))
        (memory $n (export "n") 2) (memory $o 3)
        (data (memory $m) (i32.const 0) "m") (data (memory $n) (i32.const 0) "n") (data $p "p")
        (export "m" (memory $m)) (export "o" (memory $o)) (export "f" (func 0))
        (func (export "g") (result i32)
          (memory.init $o $p (i32.const 0) (i32.const 0) (i32.const 1))
          (memory.copy $o $n (i32.const 0) (i32.const 0) (i32.const 1))
          (memory.fill $m (i32.const 0) (i32.const 0) (i32.const 1))
          (v128.store $o (i32.const 0) (v128.load8_lane $n 3 (i32.const 0) (v128.const i64x2 0 0)))
          (drop (i32.atomic.rmw.add $n (i32.const 0) (i32.const 1)))
          (drop (memory.grow $o (i32.const 1)))
          (i32.add (i32.load $m (i32.const 0)) (memory.size $n))))"#;
    let mut seen = Vec::new();
    for payload in Parser::new(0).parse_all(&made(text, ALL[0]).wasm) {
        match payload.expect("a section") {
            Payload::ImportSection(imports) => {
                let memories = imports.into_imports().map(|import| import.expect("an import"));
                let memories = memories.filter(|import| matches!(import.ty, TypeRef::Memory(_)));
                seen.extend(memories.map(|import| format!("{}.{}", import.module, import.name)));
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.expect("an export");
                    let kind = if export.kind == ExternalKind::Memory {
                        "memory"
                    } else {
                        "function"
                    };
                    seen.push(format!("{} is {kind} {}", export.name, export.index));
                }
            }
            Payload::DataSection(data) => {
                for segment in data {
                    let segment = segment.expect("a segment");
                    if let wasmparser::DataKind::Active { memory_index, .. } = segment.kind {
                        seen.push(format!("{} in {memory_index}", String::from_utf8_lossy(segment.data)));
                    }
                }
            }
            _ => {}
        }
    }
    let expected = [
        "a.m",
        "host.page",
        "n is memory 2",
        "m is memory 0",
        "o is memory 3",
        "f is function 0",
        "g is function 1",
        "m in 0",
        "n in 2",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn modules_of_any_sections_are_taken() {
    for text in [
        "(module)",
        "(module (func))",
        r#"(module (@custom "early" (before first) "x") (memory 1) (data (i32.const 0) "x"))"#,
        r#"(module (import "a" "f" (func)))"#,
        "(module (func $f (loop)) (start $f))",
        "(module (tag) (global i32 (i32.const 1)) (table 1 funcref))",
    ] {
        counted(text);
    }
}

#[test]
fn what_could_name_the_page_is_refused() {
    for text in [
        r#"(module (import "host" "page" (memory 1)))"#,
        r#"(module (import "host" "x" (func)))"#,
    ] {
        let refused = interruptible(&parsed(text), ALL[0]);
        assert!(matches!(refused, Err(Error::Invalid(_))), "{text}");
    }
}

#[test]
fn a_function_without_room_is_refused_and_one_with_many_checks_is_not() {
    let loops = |n: usize| format!("(module (func (result i32) {} (i32.const 0)))", "(loop)".repeat(n));
    // Each needs a byte of its own, of which there are 65,535.
    assert_eq!(
        counted(&loops(70_000)),
        Checks {
            loops: 70_000,
            entries: 0
        }
    );
    let refused = interruptible(&parsed(&loops(1_200_000)), ALL[0]);
    assert!(matches!(refused, Err(Error::TooLarge { function: 0 })));
}

#[test]
fn a_module_that_lacks_a_check_is_found() {
    for text in [
        "(module (import \"host\" \"page\" (memory 1)) (func (loop)))",
        "(module (import \"host\" \"page\" (memory 1)) (func $f (call $f)))",
        // The wrong byte, another memory, and one that is never read.
        "(module (import \"host\" \"page\" (memory 1)) (func (loop (drop (i32.load8_u offset=1 (i32.const 0))))))",
        "(module (import \"host\" \"page\" (memory 1)) (memory 1) (func (loop (drop (i32.load8_u 1 (i32.const 0))))))",
        "(module (import \"host\" \"page\" (memory 1)) (func (loop (drop (i32.const 0)))))",
    ] {
        assert!(checks(&parsed(text), Form::Fault).is_err(), "{text}");
    }
    let right = "(module (import \"host\" \"page\" (memory 1)) (func (loop (drop (i32.load8_u (i32.const 0))))))";
    assert!(checks(&parsed(right), Form::Fault).is_ok());
    assert!(checks(&parsed(right), Form::Flag).is_err());
}

#[test]
fn code_never_comes_nearer_to_the_start_however_its_numbers_are_written() {
    // A load whose offset has five bytes, as linkers write it, and an export whose index has.
    let wasm = [
        &b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01"[..],
        b"\x07\x89\x80\x80\x80\0\x01\x01f\0\x80\x80\x80\x80\0",
        b"\x0a\x92\x80\x80\x80\0\x01\x8c\x80\x80\x80\0\0\x41\0\x28\x02\x80\x80\x80\x80\0\x1a\x0b",
    ];
    let made = interruptible(&wasm.concat(), ALL[0]).expect("a valid module");
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&made.wasm)
        .expect("a valid module with checks");
    for new in 0..made.wasm.len() as u32 {
        assert!(made.positions.original(new) <= new);
    }
}
