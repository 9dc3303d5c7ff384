//! Five-step orders over clients, on two servers run by run in turn: one stores texts about people as they are, the other
//! seals them.

use super::throughput::{CLIENTS, Driven, title};
use crate::options::Options;
use crate::program::{Backend, System};
use crate::report::{CaseReport, Figure, Goal};
use anyhow::ensure;

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    ensure!(options.backend == Backend::Sqlite, "sealing is measured on SQLite only");
    let mut plain = Driven::new(System::start(options.backend).await?);
    let mut sealed = Driven::new(System::start_sealing().await?);
    for clients in CLIENTS {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..options.runs {
            without.push(plain.drive(clients, options).await?.rate());
            with.push(sealed.drive(clients, options).await?.rate());
        }
        let figure = Figure::new(title("sealed commands", clients), "commands/s", &with);
        report.add(figure.compared_with("plain", &without, Some(Goal::AtLeast(0.95))));
    }
    Ok(())
}
