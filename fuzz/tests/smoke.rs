//! The properties without a fuzzer: every committed input of every target, and random changes of them.
//!
//! It needs no other compiler than the rest, so that a broken property or corpus input is noticed. A failure prints the
//! seed and the input; `ORDERLOG_SEED` repeats the same changes.

#![allow(clippy::unwrap_used, missing_docs)]

use fuzz::{Check, TARGETS};
use rig::rng::Rng;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// The number of changed inputs for each target.
const CHANGED: usize = 5_000;
/// The most changes of one input.
const MAX_CHANGES: u64 = 6;
/// The longest changed input, as for the fuzzer.
const MAX_INPUT: usize = 4_096;
/// The most bytes of all corpora: people read them, and every clone has them.
const MAX_CORPORA: usize = 300_000;

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The committed inputs of a target, sorted by name.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = home().join("corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("no {}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// A random piece of the bytes.
fn piece<'b>(rng: &mut Rng, bytes: &'b [u8]) -> &'b [u8] {
    let from = rng.index(bytes.len() + 1);
    let length = rng.index(bytes.len() - from + 1).min(64);
    &bytes[from..from + length]
}

/// The tokens that the fuzzer tries, too: one on each line, quoted, with escapes as in C.
fn dictionary() -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(home().join("dictionary")).unwrap();
    text.lines().map(|line| unescaped(line.trim_matches('"').as_bytes())).collect()
}

fn unescaped(line: &[u8]) -> Vec<u8> {
    match line {
        [b'\\', b'x', high, low, rest @ ..] => {
            let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap();
            let byte = u8::try_from(digit(high) * 16 + digit(low)).unwrap();
            [vec![byte], unescaped(rest)].concat()
        }
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => [vec![*byte], unescaped(rest)].concat(),
        [] => Vec::new(),
    }
}

fn changed(rng: &mut Rng, inputs: &[(PathBuf, Vec<u8>)], dictionary: &[Vec<u8>]) -> Vec<u8> {
    let mut input = inputs[rng.index(inputs.len())].1.clone();
    for _ in 0..1 + rng.next() % MAX_CHANGES {
        let at = rng.index(input.len() + 1);
        let gone = piece(rng, &input[at..]).len();
        let other = &inputs[rng.index(inputs.len())].1;
        let put = match rng.below(5) {
            0 => Vec::new(),
            1 => vec![rng.next() as u8],
            2 => dictionary[rng.index(dictionary.len())].clone(),
            3 => piece(rng, &input).to_vec(),
            _ => piece(rng, other).to_vec(),
        };
        let gone = if rng.below(2) == 0 { gone } else { 0 };
        input.splice(at..at + gone, put);
    }
    input.truncate(MAX_INPUT);
    input
}

fn holds(target: &str, check: Check, input: &[u8], from: &str) {
    if catch_unwind(|| check(input)).is_err() {
        panic!("{target} does not hold for {from}:\n{}", input.escape_ascii());
    }
}

#[test]
fn every_property_holds_for_its_corpus() {
    for (target, check) in TARGETS {
        for (path, input) in corpus(target) {
            holds(target, check, &input, &path.display().to_string());
        }
    }
}

#[test]
fn every_property_holds_for_random_changes_of_its_corpus() {
    let seed = Rng::seed();
    println!("ORDERLOG_SEED={seed}");
    let dictionary = dictionary();
    for (target, check) in TARGETS {
        let inputs = corpus(target);
        let mut rng = Rng::of(seed);
        for number in 0..CHANGED {
            let input = changed(&mut rng, &inputs, &dictionary);
            holds(target, check, &input, &format!("change {number} of ORDERLOG_SEED={seed}"));
        }
    }
}

#[test]
fn every_target_has_a_binary_and_a_small_corpus() {
    let manifest = std::fs::read_to_string(home().join("Cargo.toml")).unwrap();
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    let mut weight = 0;
    for (target, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
        assert!(home().join(format!("fuzz_targets/{target}.rs")).exists(), "{target}");
        let inputs = corpus(target);
        assert!(inputs.len() >= 10, "{target}");
        weight += inputs.iter().map(|(_, input)| input.len()).sum::<usize>();
    }
    assert!(weight <= MAX_CORPORA, "{weight} bytes");
}
