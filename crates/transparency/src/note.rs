//! The C2SP signed note with Ed25519, and keys as Go's `golang.org/x/mod/sumdb/note` writes them.
//!
//! A note is a text that ends with a line end, an empty line, and signatures: `— name base64(key id ‖ signature)`. The
//! key's id is the beginning of a hash of its name and public key, so that a verifier finds its own signature. A verifier
//! key is `name+id+base64(1 ‖ public key)`, a signer key `PRIVATE+KEY+name+id+base64(1 ‖ seed)`.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt;

/// The algorithm's number in front of a key: Ed25519.
const ALGORITHM: u8 = 1;
/// What a signer key begins with.
const PRIVATE: &str = "PRIVATE+KEY+";
/// A note larger than this is not read.
pub const MAX_NOTE: usize = 1 << 20;
/// A note with more signatures is not read.
const MAX_SIGNATURES: usize = 100;

/// Why a key or a note is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text of a key has another form, or its id belongs to another key.
    #[error("this is not a key of the form name+hash+base64 (golang.org/x/mod/sumdb/note)")]
    Key,
    /// A key's name is empty, or has white space or a plus sign.
    #[error("a key's name is not empty and has neither white space nor a plus sign")]
    Name,
    /// The text is no signed note.
    #[error("this is not a signed note")]
    Malformed,
    /// The note has no signature of this key.
    #[error("the note is not signed by this key")]
    Unsigned,
    /// The note has a signature of this key that is wrong.
    #[error("the signature is wrong")]
    WrongSignature,
}

/// A public key that checks notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: [u8; 32],
}

/// A private key that signs notes. It is never printed.
pub struct Signer {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Signer").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Reads a verifier key.
    ///
    /// # Errors
    /// [`NoteError::Key`] or [`NoteError::Name`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, key) = parse_key(text)?;
        let verifier = Self { name, key };
        if verifier.id() == id { Ok(verifier) } else { Err(NoteError::Key) }
    }

    /// The name, which its signatures bear.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new_with_prefix(&self.name).chain_update(b"\n");
        let hash = hash.chain_update([ALGORITHM]).chain_update(self.key).finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The signed text of a note, with its last line end.
    ///
    /// # Errors
    /// When this key has not signed it.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let (text, signatures) = split(note)?;
        let own = signatures.iter().find(|its| its.name == self.name && its.id == self.id());
        let own = own.ok_or(NoteError::Unsigned)?;
        UnparsedPublicKey::new(&ED25519, self.key)
            .verify(text.as_bytes(), &own.signature)
            .map_err(|_| NoteError::WrongSignature)?;
        Ok(text)
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(out, "", &self.name, self.id(), &self.key)
    }
}

impl Signer {
    /// The key of this name and seed.
    ///
    /// # Errors
    /// [`NoteError::Name`]
    pub fn new(name: &str, seed: [u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NoteError::Key)?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key)?;
        Ok(Self { seed, pair, verifier: Verifier { name: name.to_owned(), key } })
    }

    /// Reads a signer key.
    ///
    /// # Errors
    /// [`NoteError::Key`] or [`NoteError::Name`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, seed) = parse_key(text.strip_prefix(PRIVATE).ok_or(NoteError::Key)?)?;
        let signer = Self::new(&name, seed)?;
        if signer.verifier.id() == id { Ok(signer) } else { Err(NoteError::Key) }
    }

    /// The key's text, which is a secret.
    pub fn secret_text(&self) -> String {
        struct Secret<'a>(&'a Signer);
        impl fmt::Display for Secret<'_> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                let verifier = &self.0.verifier;
                write_key(out, PRIVATE, &verifier.name, verifier.id(), &self.0.seed)
            }
        }
        Secret(self).to_string()
    }

    /// The public key that checks its signatures.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The note of this text, signed.
    ///
    /// # Panics
    /// When the text does not end with a line end.
    pub fn sign(&self, text: &str) -> String {
        assert!(text.ends_with('\n'), "a note's text ends with a line end");
        let mut signature = self.verifier.id().to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n\u{2014} {} {}\n", self.verifier.name, STANDARD.encode(signature))
    }
}

/// One signature of a note.
struct Signature<'a> {
    name: &'a str,
    id: [u8; 4],
    signature: Vec<u8>,
}

/// The text of a note, with its last line end, and the signatures.
fn split(note: &str) -> Result<(&str, Vec<Signature<'_>>), NoteError> {
    let odd = |char: char| char.is_control() && char != '\n';
    if note.len() > MAX_NOTE || note.chars().any(odd) {
        return Err(NoteError::Malformed);
    }
    let end = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    let (text, lines) = (&note[..=end], &note[end + 2..]);
    let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
    let mut signatures = Vec::new();
    for line in lines.split('\n') {
        let signed = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' '));
        let (name, bytes) = signed.ok_or(NoteError::Malformed)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| NoteError::Malformed)?;
        let (id, signature) = bytes.split_first_chunk().ok_or(NoteError::Malformed)?;
        if check_name(name).is_err() || signature.is_empty() || signatures.len() == MAX_SIGNATURES {
            return Err(NoteError::Malformed);
        }
        signatures.push(Signature { name, id: *id, signature: signature.to_vec() });
    }
    Ok((text, signatures))
}

/// The text of a note before anything is checked, with its last line end.
///
/// # Errors
/// When it is not a signed note.
pub fn unchecked_text(note: &str) -> Result<&str, NoteError> {
    Ok(split(note)?.0)
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let bad = name.is_empty() || name.contains(|char: char| char.is_whitespace() || char == '+');
    if bad { Err(NoteError::Name) } else { Ok(()) }
}

fn parse_key(text: &str) -> Result<(String, [u8; 4], [u8; 32]), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key);
    };
    check_name(name)?;
    let hex = id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = hex.then(|| u32::from_str_radix(id, 16).ok()).flatten().ok_or(NoteError::Key)?;
    let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
    let (ALGORITHM, key) = key.split_first().map_or((0, &[][..]), |(kind, key)| (*kind, key))
    else {
        return Err(NoteError::Key);
    };
    Ok((name.to_owned(), id.to_be_bytes(), key.try_into().map_err(|_| NoteError::Key)?))
}

fn write_key(
    out: &mut fmt::Formatter<'_>,
    before: &str,
    name: &str,
    id: [u8; 4],
    key: &[u8; 32],
) -> fmt::Result {
    let mut bytes = vec![ALGORITHM];
    bytes.extend_from_slice(key);
    write!(out, "{before}{name}+{:08x}+{}", u32::from_be_bytes(id), STANDARD.encode(bytes))
}
