//! What a real browser lets pages of apps do while the owner is signed in at the control plane.
#![expect(clippy::unwrap_used, reason = "tests")]

mod browser {
    pub(crate) mod attacks;
    pub(crate) mod open_door;
}

use browser::attacks::{ATTACKS, Attack};
use browser::open_door::OpenDoor;
use serde_json::{Value, json};
use test_support::{Browser, Reply, Server, Setup};

const EMAIL: &str = "owner@example.com";
const PASSWORD: &str = "a long enough password";
const COOKIE: &str = "picloud_session";

/// A page, a worker, and what came with a request for it.
const PAGE: &str = r#"
if req.path == "/worker.js" {
    return #{statusCode: 200, headers: #{"content-type": "text/javascript"}, body: `
        self.addEventListener("install", () => self.skipWaiting());
        self.addEventListener("activate", e => e.waitUntil(self.clients.claim()));
        self.addEventListener("message", async e => {
            try {
                const r = await fetch(e.data, {credentials: "include"});
                e.source.postMessage(await r.text());
            } catch (_) { e.source.postMessage(""); }
        });`};
}
if req.path == "/seen" { return #{cookies: req.cookies, header: req.headers["cookie"]}; }
response::html("<!doctype html><title>shop</title><p>an ordinary page")
"#;

/// A server whose owner is signed in, as the browser sees it.
struct Stage {
    server: Server,
    browser: Browser,
    /// `name=value`.
    cookie: String,
}

impl Stage {
    fn new() -> Self {
        let server = Setup::new(env!("CARGO_BIN_EXE_picloud")).start();
        server.default_app("shop");
        let routes =
            ["/", "/worker.js", "/seen"].map(|path| json!({"path": path, "script": "main"}));
        let release = json!({"scripts": {"main": {"source": PAGE}}, "routes": routes});
        let path = "/apps/shop/releases";
        server.api("POST", path, &release).expect(201);
        let owner = json!({
            "token": server.setup_token().unwrap(), "email": EMAIL, "password": PASSWORD,
        });
        let headers = [("content-type", "application/json")];
        let made = server.admin("POST", "/api/v1/setup", &headers, owner.to_string());
        let cookie = made.expect(201).header("set-cookie").unwrap().to_owned();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let browser = Browser::start();
        browser.open(server.admin_url());
        let (name, value) = cookie.split_once('=').unwrap();
        assert_eq!(name, COOKIE);
        browser.set_cookie(name, value);
        Self {
            server,
            browser,
            cookie,
        }
    }

    fn with_cookie(&self, path: &str) -> Reply {
        let headers = [("cookie", self.cookie.as_str())];
        self.server.admin("GET", path, &headers, "")
    }

    /// What an attack could change, as the control plane tells it.
    fn state(&self) -> Value {
        // The session is asked first: it may have been ended.
        let me = self.with_cookie("/api/v1/me").expect(200).json();
        let all = ["/apps", "/tokens", "/apps/shop/releases", "/apps/shop"];
        let all = all.map(|path| {
            self.server
                .api("GET", path, &Value::Null)
                .expect(200)
                .json()
        });
        json!([me, all])
    }

    /// Lets a page of the app attack an origin; what it could read there. `patience` is how long,
    /// in seconds, it waits for what would tell it something, and for what would stop it.
    fn attack(&self, page: &str, attack: &Attack, target: &str, patience: [u32; 2]) -> String {
        self.browser.open(page);
        let [soon, late] = patience;
        let script = format!(
            "const [target, name] = arguments;
            const pause = s => new Promise(r => setTimeout(() => r(''), s * 1000));
            const soon = promise => Promise.race([promise, pause({soon})]);
            const late = async stopped => {{
                const start = Date.now();
                while (!stopped() && Date.now() < start + {late} * 1000) await pause(0.05);
            }};
            const attack = async () => {{ {} }};
            return attack().catch(_ => '');",
            attack.script
        );
        let read = self.browser.run(&script, &[target, attack.name]);
        read.as_str().unwrap_or_default().to_owned()
    }

    /// Pages of the app: on the control plane's own host with another port, and on the app's.
    fn pages(&self) -> [String; 2] {
        let port = self.server.address().port();
        [
            format!("http://127.0.0.1:{port}/"),
            format!("http://shop.localhost:{port}/"),
        ]
    }
}

#[test]
fn a_page_of_an_app_is_an_ordinary_page() {
    let stage = Stage::new();
    for page in stage.pages() {
        stage.browser.open(&page);
        assert_eq!(stage.browser.text(), "an ordinary page");
        let script = "localStorage.setItem('cart', '3');
            sessionStorage.setItem('step', '2');
            document.cookie = 'theme=dark';
            const seen = await (await fetch('/seen')).json();
            return [localStorage.getItem('cart'), sessionStorage.getItem('step'), seen.cookies,
                document.cookie, self.origin === location.origin];";
        let script = format!("return (async () => {{ {script} }})()");
        let seen = stage.browser.run(&script, &[]);
        // The browser sends the session to every port of the host; no script sees it.
        let wanted = json!(["3", "2", {"theme": "dark"}, "theme=dark", true]);
        assert_eq!(seen, wanted, "{page}");
    }
}

#[test]
fn the_pages_of_the_control_plane_work() {
    let stage = Stage::new();
    let (server, browser) = (&stage.server, &stage.browser);
    // The owner has an account and is signed in.
    for (path, text) in [
        ("/", "The health of everything"),
        ("/apps", "New app"),
        ("/setup", "Sign in"),
        ("/docs", "Every error is a problem"),
    ] {
        browser.open(&format!("{}{path}", server.admin_url()));
        browser.wait_for(text);
        let rules = "return document.styleSheets.length && document.styleSheets[0].cssRules.length";
        assert!(
            browser.run(rules, &[]).as_u64() > Some(0),
            "{path} has its style"
        );
    }
    // The owner types an address of the API.
    browser.open(&format!("{}/api/v1/me", server.admin_url()));
    assert!(browser.text().contains(EMAIL), "{}", browser.text());
}

#[test]
fn a_page_of_an_app_neither_reads_nor_changes_the_control_plane() {
    let stage = Stage::new();
    let before = stage.state();
    let port = stage.server.admin_address().port();
    let [same_host, own_host] = stage.pages();
    for (page, host) in [(&same_host, "127.0.0.1"), (&own_host, "localhost")] {
        let target = format!("http://{host}:{port}");
        for attack in ATTACKS {
            let read = stage.attack(page, attack, &target, [1, 20]);
            assert_eq!(read, "", "{} from {page} of {target}", attack.name);
            assert_eq!(stage.state(), before, "{} from {page}", attack.name);
        }
    }
    // The worker of the app's page has no part in the owner's tab.
    stage.browser.open(stage.server.admin_url());
    let own = "return navigator.serviceWorker.controller === null";
    assert_eq!(stage.browser.run(own, &[]), true);
}

/// The control of the test above: every attack succeeds where nothing stops it.
#[test]
fn the_attacks_succeed_against_a_server_without_guards() {
    let stage = Stage::new();
    let [page, _] = stage.pages();
    let door = OpenDoor::open();
    for attack in ATTACKS {
        let read = stage.attack(&page, attack, &door.origin(), [20, 1]);
        if attack.reads {
            assert!(!read.is_empty(), "{} reads", attack.name);
        } else {
            let changed = door.changes(attack.name);
            assert!(changed.is_some(), "{} changes something", attack.name);
            // The session went along: only the server's own guard is left.
            assert_eq!(changed, Some(true), "{} sends the session", attack.name);
        }
    }
}
