//! `pic domains`.

use clap::Subcommand;
use shared::api::{ClaimDomainRequest, Domain, Page};
use shared::name::DomainName;

use crate::context::Context;
use crate::error::Outcome;
use crate::subject::OfApp;

/// Domains of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Domains {
    /// List them
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        of: OfApp,
    },
    /// Claim one; live at once
    #[command(visible_alias = "claim")]
    Add {
        /// shop.example.com or *.example.com
        domain: DomainName,
        #[command(flatten)]
        of: OfApp,
    },
    /// Give one up; live at once
    #[command(visible_alias = "rm")]
    Remove {
        /// The domain
        domain: DomainName,
        #[command(flatten)]
        of: OfApp,
    },
}

/// `pic domains …`.
pub(crate) fn run(context: &Context, command: &Domains) -> Outcome {
    let ui = context.ui;
    let client = context.client()?;
    match command {
        Domains::Ls { of } => {
            let app = context.app(&client, of)?;
            let page: Page<Domain> = client.get(&format!("/apps/{app}/domains"))?;
            if ui.json {
                return ui.answer(&page);
            }
            if page.items.is_empty() {
                ui.say(format!(
                    "{app} has no domains; `pic domains add DOMAIN` claims one"
                ));
                return Ok(());
            }
            let row =
                |d: &Domain| vec![d.domain.to_string(), super::logs::short_time(&d.created_at)];
            let rows: Vec<_> = page.items.iter().map(row).collect();
            ui.table(&["DOMAIN", "CLAIMED"], &rows);
        }
        Domains::Add { domain, of } => {
            let app = context.app(&client, of)?;
            let request = ClaimDomainRequest {
                domain: domain.clone(),
            };
            let claimed: Domain = client.post(&format!("/apps/{app}/domains"), &request)?;
            if ui.json {
                return ui.answer(&claimed);
            }
            ui.say(format!(
                "{app} answers on {domain}; let its DNS lead to this server"
            ));
        }
        Domains::Remove { domain, of } => {
            let app = context.app(&client, of)?;
            client.delete(&format!(
                "/apps/{app}/domains/{}",
                crate::client::encode(domain.as_str())
            ))?;
            ui.note(format!("{app} does not answer on {domain} any more"));
        }
    }
    Ok(())
}
