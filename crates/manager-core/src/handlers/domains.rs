//! The domains an app answers on.

use http::StatusCode;
use shared::api::{ClaimDomainRequest, Domain, Page};
use shared::error::{Kind, code};
use shared::name::{AppSlug, DomainName};
use shared::origin::DomainProof;
use store::apps;

use crate::auth::{CanDeploy, CanRead, InApp, audit};
use crate::error::{ApiError, ApiResult, taken};
use crate::extract::{Created, Json};
use crate::model::time;

/// List the domains of an app by name.
#[utoipa::path(get, path = "/apps/{app}/domains", operation_id = "listDomains", tag = "domains",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    responses((status = 200, description = "All domains.", body = Page<Domain>)))]
pub(crate) async fn list(caller: InApp<CanRead>) -> ApiResult<Json<Page<Domain>>> {
    let id = caller.app.id;
    let domains = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(apps::domains(conn, id)?))
        .await?;
    let own = &caller.manager.config().own_hosts;
    let view = |(domain, at)| Domain {
        refused: own.refuse(&domain),
        domain,
        created_at: time(at),
    };
    Ok(Json(Page {
        items: domains.into_iter().map(view).collect(),
        next_cursor: None,
    }))
}

/// Show a domain of an app.
#[utoipa::path(get, path = "/apps/{app}/domains/{domain}", operation_id = "getDomain",
    tag = "domains",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("domain" = DomainName, Path, description = "The domain.")),
    responses((status = 200, description = "The domain.", body = Domain)))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<Domain>> {
    let wanted: DomainName = caller.params.get("domain")?;
    let id = caller.app.id;
    let domains = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(apps::domains(conn, id)?))
        .await?;
    let found = domains.into_iter().find(|(domain, _)| *domain == wanted);
    let missing = || ApiError::not_found(format!("the app has no domain `{wanted}`"));
    let (domain, at) = found.ok_or_else(missing)?;
    Ok(Json(Domain {
        refused: caller.manager.config().own_hosts.refuse(&domain),
        domain,
        created_at: time(at),
    }))
}

/// Whether the caller may have the domain: the owner by their word, others by proof.
async fn check(caller: &InApp<CanDeploy>, domain: &DomainName) -> ApiResult<()> {
    let manager = &caller.manager;
    if let Some(reason) = manager.config().own_hosts.refuse(domain) {
        let detail = format!("{reason}; no app can claim it");
        return Err(ApiError::new(Kind::Conflict, code::DOMAIN_RESERVED, detail));
    }
    if caller.principal.owns_instance() {
        return Ok(());
    }
    let unproven = |detail| ApiError::new(Kind::Forbidden, code::DOMAIN_UNPROVEN, detail);
    if domain.as_str().starts_with('*') {
        let detail = "a wildcard cannot be proven; the owner of the instance claims it";
        return Err(unproven(detail.to_owned()));
    }
    let proof = DomainProof::of(caller.app.id, domain);
    let proven = manager.prove(domain, &proof).await?;
    proven.map_err(|why| {
        let (path, text) = (&proof.path, &proof.text);
        unproven(format!(
            "prove that `{domain}` is yours: let http://{domain}{path} answer with the text \
             `{text}`, then claim it again; or ask the owner of the instance. Asked now: {why}"
        ))
    })
}

/// Claim a domain. It belongs to one app of the instance only. The owner claims any; with other
/// tokens the domain's web server must answer with a proof, which the refusal describes.
#[utoipa::path(post, path = "/apps/{app}/domains", operation_id = "claimDomain", tag = "domains",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    request_body = ClaimDomainRequest,
    responses((status = 201, description = "The domain.", body = Domain)))]
pub(crate) async fn claim(
    caller: InApp<CanDeploy>,
    Json(body): Json<ClaimDomainRequest>,
) -> ApiResult<Created<Domain>> {
    check(&caller, &body.domain).await?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let (id, domain) = (caller.app.id, body.domain.clone());
    caller
        .manager
        .change::<_, ApiError>(move |change| {
            let detail = format!("`{domain}` is claimed already, by this app or another");
            apps::claim_domain(change, id, &domain, now).map_err(taken(detail))?;
            Ok(audit(
                change.conn(),
                &person,
                now,
                "domains.claim",
                domain.as_str(),
            )?)
        })
        .await?;
    let location = format!("/api/v1/apps/{}/domains/{}", caller.app.slug, body.domain);
    let view = Domain {
        domain: body.domain,
        created_at: time(now),
        refused: None,
    };
    Ok(Created(location, view))
}

/// Give a domain up.
#[utoipa::path(delete, path = "/apps/{app}/domains/{domain}", operation_id = "giveUpDomain",
    tag = "domains",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("domain" = DomainName, Path, description = "The domain.")),
    responses((status = 204, description = "Given up.")))]
pub(crate) async fn give_up(caller: InApp<CanDeploy>) -> ApiResult<StatusCode> {
    let domain: DomainName = caller.params.get("domain")?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let id = caller.app.id;
    caller
        .manager
        .change::<_, ApiError>(move |change| {
            if !apps::release_domain(change, id, &domain)? {
                let detail = format!("the app has no domain `{domain}`");
                return Err(ApiError::not_found(detail));
            }
            Ok(audit(
                change.conn(),
                &person,
                now,
                "domains.give_up",
                domain.as_str(),
            )?)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
