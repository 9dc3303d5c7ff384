//! Keys, notes and checkpoints, with the examples of Go's documentation.

#![allow(clippy::unwrap_used, missing_docs)]

use transparency::note::NoteError;
use transparency::{Checkpoint, Signer, Verifier};

const SIGNER: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const SIGNATURE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

#[test]
fn the_example_of_gos_documentation_is_signed_and_opened() {
    let signer = Signer::parse(SIGNER).unwrap();
    assert_eq!(signer.secret_text(), SIGNER);
    assert_eq!(signer.verifier().to_string(), VERIFIER);
    let note = signer.sign(TEXT);
    assert_eq!(note, format!("{TEXT}\n{SIGNATURE}\n"));
    let verifier = Verifier::parse(VERIFIER).unwrap();
    assert_eq!(verifier.open(&note), Ok(TEXT));
    assert!(!format!("{signer:?}").contains("AYEKFALVFGyNhPJEMzD1QIDr"));
}

#[test]
fn keys_of_another_form_are_refused() {
    Verifier::parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
        .unwrap();
    for bad in [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=",
        "PeterNeumann++74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        SIGNER,
    ] {
        assert!(Verifier::parse(bad).is_err(), "{bad}");
    }
    assert!(Signer::parse(VERIFIER).is_err());
    for name in ["", "a b", "a+b", "a\nb"] {
        assert_eq!(Signer::new(name, [1; 32]).unwrap_err(), NoteError::Name, "{name:?}");
    }
}

#[test]
fn a_changed_note_is_refused() {
    let signer = Signer::new("shop.example/orders", [7; 32]).unwrap();
    let other = Signer::new("shop.example/orders", [8; 32]).unwrap();
    let checkpoint = Checkpoint { origin: "shop.example/orders".into(), size: 70, root: [9; 32] };
    let note = checkpoint.sign(&signer);
    let verifier = signer.verifier();
    assert_eq!(Checkpoint::open(&note, verifier), Ok(checkpoint.clone()));
    assert_eq!(Checkpoint::unchecked(&note), Ok(checkpoint.clone()));
    let changed = note.replacen("70", "71", 1);
    assert_eq!(Checkpoint::open(&changed, verifier), Err(NoteError::WrongSignature));
    assert_eq!(Checkpoint::open(&note, other.verifier()), Err(NoteError::Unsigned));
    // A second signature, such as a witness's, is passed over.
    let witness = Signer::new("witness", [3; 32]).unwrap().sign(&checkpoint.text());
    let both = format!("{note}{}\n", witness.trim_end().rsplit_once('\n').unwrap().1);
    assert_eq!(Checkpoint::open(&both, verifier), Ok(checkpoint));
    for bad in [
        "",
        "\n",
        "a\n",
        &note[..note.len() - 1],
        &note.replace("\n\n", "\n"),
        "a\n\n\n",
        "a\n\nb\n",
    ] {
        assert_eq!(Checkpoint::unchecked(bad), Err(NoteError::Malformed), "{bad:?}");
    }
}

#[test]
fn the_key_signs_for_its_own_origin_only() {
    let signer = Signer::new("shop.example/orders", [7; 32]).unwrap();
    let foreign = Checkpoint { origin: "other.example".into(), size: 1, root: [0; 32] };
    assert_eq!(
        Checkpoint::open(&foreign.sign(&signer), signer.verifier()),
        Err(NoteError::Unsigned)
    );
}

#[test]
fn a_checkpoint_is_three_lines_and_extensions() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let text = format!("go.sum database tree\n6476701\n{root}\n");
    let checkpoint = Checkpoint::parse(&text).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("go.sum database tree", 6_476_701));
    assert_eq!(checkpoint.text(), text);
    assert_eq!(Checkpoint::parse(&format!("{text}extension\n")), Ok(checkpoint));
    for bad in [
        format!("o\n07\n{root}\n"),
        format!("o\n+7\n{root}\n"),
        format!("o\n7\n{root}"),
        format!("\n7\n{root}\n"),
        "o\n7\nAAAA\n".into(),
        "o\n7\n".into(),
        format!("o\n18446744073709551616\n{root}\n"),
        format!("o\n7\n{root}\n\n"),
    ] {
        assert_eq!(Checkpoint::parse(&bad), Err(NoteError::Malformed), "{bad:?}");
    }
}
