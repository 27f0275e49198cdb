//! What people see who open the admin origin.

use crate::world::{Ask, Reply, World};

async fn page(world: &World, path: &str) -> (Reply, String) {
    let reply = world.send(Ask::new("GET", "").raw_path(path)).await;
    let reply = reply.expect(200);
    let text = String::from_utf8(reply.body.clone()).unwrap();
    (reply, text)
}

/// Where the links of a page lead.
fn links(text: &str) -> Vec<&str> {
    let parts = text.split("href=\"").skip(1);
    parts.map(|part| part.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn the_pages_need_no_script_and_no_sign_in_and_all_links_lead_somewhere() {
    let world = World::new().await;
    for path in ["/", "/setup", "/docs"] {
        let (reply, text) = page(&world, path).await;
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'"),
            "{policy}"
        );
        assert!(
            !text.contains("<script") && !text.contains("style="),
            "{path}"
        );
        let links = links(&text);
        assert!(links.len() >= 2, "{path}");
        for link in links {
            assert!(link.starts_with('/'), "nothing from elsewhere: {link}");
            page(&world, link).await;
        }
    }
    let (_, docs) = page(&world, "/docs").await;
    assert!(links(&docs).len() > 40, "every error has its page");
}

#[tokio::test]
async fn a_page_shows_nothing_of_its_request() {
    let world = World::new().await;
    let (_, plain) = page(&world, "/setup").await;
    let (_, with_token) = page(&world, "/setup?token=pic_set_x%3Cscript%3E").await;
    assert_eq!(plain, with_token);
}
