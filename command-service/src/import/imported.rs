//! What imports need of an aggregate: a reader of commands in lines.

use crate::http::CommandApi;
use crate::json::{Errors, Json, Pointer};
use domain::{FieldError, Timestamp};

/// An aggregate whose commands can be imported.
pub trait Imported: CommandApi {
    /// The name of a command.
    type Name: Copy + Send;

    /// The command of this name.
    ///
    /// # Errors
    /// The names of all commands.
    fn command_name(name: &str) -> Result<Self::Name, FieldError>;

    /// Reads the body of a command. `at` is the line's time; `None` if that time cannot be read, which is reported
    /// elsewhere.
    fn read_command(
        name: Self::Name,
        body: Json<'_>,
        at: Option<Timestamp>,
        pointer: &Pointer<'_>,
        errors: &mut Errors,
    ) -> Option<Self::Command>;

    /// Whether the command begins a stream.
    fn begins_stream(command: &Self::Command) -> bool;
}
