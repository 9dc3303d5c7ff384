//! The C2SP *tlog-checkpoint*: the text that a log signs. Three lines: origin, size, root.

use crate::hash::Hash;
use crate::note::{self, NoteError, Signer, Verifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A tree as a log has signed it, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, that of its key.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text, with its last line end.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads the text. Lines after the third are extensions, which are passed over.
    ///
    /// # Errors
    /// [`NoteError::Malformed`]
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.strip_suffix('\n').ok_or(NoteError::Malformed)?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(NoteError::Malformed);
        let (origin, size, root) = (line()?, line()?, line()?);
        let plain = size.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || (size.len() > 1 && size.starts_with('0')) || lines.any(str::is_empty) {
            return Err(NoteError::Malformed);
        }
        let root = STANDARD.decode(root).map_err(|_| NoteError::Malformed)?;
        Ok(Self {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| NoteError::Malformed)?,
            root: root.try_into().map_err(|_| NoteError::Malformed)?,
        })
    }

    /// The signed note.
    pub fn sign(&self, signer: &Signer) -> String {
        signer.sign(&self.text())
    }

    /// Reads a note that this key has signed.
    ///
    /// # Errors
    /// When it is malformed, of another origin than the key's name, or not signed by this key.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Self, NoteError> {
        let checkpoint = Self::parse(verifier.open(note)?)?;
        if checkpoint.origin == verifier.name() { Ok(checkpoint) } else { Err(NoteError::Unsigned) }
    }

    /// Reads a note without checking who signed it.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn unchecked(note: &str) -> Result<Self, NoteError> {
        Self::parse(note::unchecked_text(note)?)
    }
}
