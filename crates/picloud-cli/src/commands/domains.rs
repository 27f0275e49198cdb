//! `pic domains`.

use clap::Subcommand;
use shared::api::{ClaimDomainRequest, Domain, Page};
use shared::name::DomainName;

use crate::context::Context;
use crate::error::Outcome;

/// Domains of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Domains {
    /// List them
    #[command(visible_alias = "list")]
    Ls,
    /// Claim one; live at once
    #[command(visible_alias = "claim")]
    Add {
        /// shop.example.com or *.example.com
        domain: DomainName,
    },
    /// Give one up; live at once
    #[command(visible_alias = "rm")]
    Remove {
        /// The domain
        domain: DomainName,
    },
}

/// `pic domains …`.
pub(crate) fn run(context: &Context, command: &Domains) -> Outcome {
    let ui = context.ui;
    let client = context.client()?;
    match command {
        Domains::Ls => {
            let app = context.app(&client)?;
            let page: Page<Domain> = client.get(&format!("/apps/{app}/domains"))?;
            if ui.json {
                return ui.answer(&page);
            }
            if page.items.is_empty() {
                ui.note(format!(
                    "{app} has no domains; `pic domains add DOMAIN` claims one"
                ));
                return Ok(());
            }
            let row = |d: &Domain| {
                let state = d.refused.as_ref().map(|why| format!("not served: {why}"));
                vec![
                    d.domain.to_string(),
                    super::logs::short_time(&d.created_at),
                    state.unwrap_or_default(),
                ]
            };
            let rows: Vec<_> = page.items.iter().map(row).collect();
            ui.table(&["DOMAIN", "CLAIMED", ""], &rows)?;
        }
        Domains::Add { domain } => {
            let app = context.app(&client)?;
            let request = ClaimDomainRequest {
                domain: domain.clone(),
            };
            let claimed: Domain = client.post(&format!("/apps/{app}/domains"), &request)?;
            if ui.json {
                return ui.answer(&claimed);
            }
            ui.line(format!(
                "{app} answers on {domain}; let its DNS lead to this server"
            ))?;
        }
        Domains::Remove { domain } => {
            let app = context.app(&client)?;
            client.delete(&format!(
                "/apps/{app}/domains/{}",
                crate::client::encode(domain.as_str())
            ))?;
            let value = serde_json::json!({ "removed": domain });
            ui.done(
                &value,
                format!("{app} does not answer on {domain} any more"),
            )?;
        }
    }
    Ok(())
}
