//! A data folder whose texts about people are sealed.

use crate::program::Program;
use crate::server::Launch;
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder with a master key, and a data folder in it.
pub struct SealedFolder(TempDir);

impl SealedFolder {
    /// Makes the folder and the key.
    ///
    /// # Panics
    /// When one of them cannot be made.
    pub async fn new() -> Self {
        let folder = TempDir::new().expect("a folder for the test");
        let made = Launch::new(Program::Orderlog).args(["keys", "create-master", "--out"]);
        assert!(made.args([folder.path().join("master.key")]).run().await.status.success());
        Self(folder)
    }

    /// A file in the folder, outside the data folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.file("data")
    }

    /// A server without the key.
    pub fn plain(&self) -> Launch {
        Launch::orderlog(&self.data())
    }

    /// A server with the key.
    pub fn sealing(&self) -> Launch {
        self.plain().args(["--personal-data-key-file"]).args([self.file("master.key")])
    }
}
