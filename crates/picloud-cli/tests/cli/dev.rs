//! `pic dev`: a folder, a server, reload on save.

use std::path::Path;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{MANIFEST, PATIENCE, Person, Running};

fn get(url: &str) -> Option<String> {
    let address = url.strip_prefix("http://")?;
    let (host, path) = address.split_once('/')?;
    let port = host.rsplit(':').next()?;
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).ok()?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).ok()?;
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

fn start(person: &Person, args: &[&str]) -> (Running, String) {
    let mut dev = person.start(&[&["dev"], args].concat());
    let url = dev.line("http://").trim().to_owned();
    dev.line("watching");
    (dev, url)
}

#[test]
fn a_save_is_live_at_once_and_a_broken_one_is_not() {
    // What another server's environment says does not count.
    let person = Person::stranger()
        .with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        .with("PICLOUD_LISTEN", "256.0.0.1:0");
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "log::info(\"a call\"); \"one\"");
    let (mut dev, url) = start(&person, &[]);
    assert_eq!(get(&url).unwrap(), "one");
    dev.line("a call");

    person.write("src/orders.rhai", "\"two\"");
    dev.line("release 2 is live");
    assert_eq!(get(&url).unwrap(), "two");

    person.write("src/orders.rhai", "let x = ;");
    dev.line("src/orders.rhai:1:9");
    dev.line("release 2 stays live");
    assert_eq!(get(&url).unwrap(), "two");

    // An editor that replaces the file, and a broken manifest on the way.
    person.write("picloud.toml", "app = ");
    dev.line("release 2 stays live");
    person.write("picloud.toml", MANIFEST);
    let new = person.write("src/new", "\"three\"");
    std::fs::rename(new, person.work().join("src/orders.rhai")).unwrap();
    dev.line("release 3 is live");
    assert_eq!(get(&url).unwrap(), "three");

    // A new script in a folder that was not there.
    person.write("lib/more.rhai", "\"more\"");
    person.write(
        "picloud.toml",
        format!("{MANIFEST}[scripts.more]\nfile = \"lib/more.rhai\"\n"),
    );
    dev.line("release 4 is live");
    person.write("lib/more.rhai", "\"more and more\"");
    dev.line("release 5 is live");
    assert_eq!(
        get(&url.replace("/orders", "/more")).unwrap(),
        "more and more"
    );

    // A run that fails is shown with its line.
    person.write("lib/more.rhai", "let a = 1;\nthrow \"on purpose\"\n");
    dev.line("release 6 is live");
    get(&url.replace("/orders", "/more")).unwrap();
    dev.line("thrown: on purpose");
    // Its lines after the first look like no line of the log.
    let line = dev.line("throw ");
    assert!(line.starts_with("  | "), "{line}");

    // Others reach it by its data, and the folder is not littered.
    let data = person.work().join(".picloud/dev");
    let apps = person.pic(&["apps", "ls", "--json", "--data", data.to_str().unwrap()]);
    assert_eq!(apps.expect(0).json()["items"][0]["name"], "shop");
    let ignored = std::fs::read_to_string(person.work().join(".picloud/.gitignore")).unwrap();
    assert_eq!(ignored, "*\n");
    assert!(!person.work().join("data").exists());

    let mut second = person.start(&["dev"]);
    second.line("another `pic dev`");
    drop(second);
    assert_eq!(get(&url).unwrap(), "three");

    kill_process(Pid::from_child(&dev.child), Signal::INT).unwrap();
    assert!(dev.child.wait().unwrap().success());
    assert_eq!(get(&url), None, "the server has ended too");
}

#[test]
fn a_folder_that_is_broken_from_the_start_is_mended_by_a_save() {
    let person = Person::stranger();
    person.pic(&["dev"]).expect(1).says("pic init");
    person.pic(&["dev", "--url", "http://a.example"]).expect(2);
    person.write("app/picloud.toml", MANIFEST);
    person.write("app/src/orders.rhai", "let x = ;");
    let mut dev = person.start(&["dev", "app"]);
    dev.line("nothing is live yet");
    dev.line("watching");
    person.write("app/src/orders.rhai", "\"mended\"");
    let url = dev.line("http://").trim().to_owned();
    assert_eq!(get(&url).unwrap(), "mended");
    kill_process(Pid::from_child(&dev.child), Signal::TERM).unwrap();
    assert!(dev.child.wait().unwrap().success());
    // What was deployed is there the next time.
    let (mut dev, url) = start(&person, &["app"]);
    assert_eq!(get(&url).unwrap(), "mended");

    // `pic` is killed: its server does not stay behind.
    let left = std::fs::read_to_string(person.work().join("app/.picloud/dev/credentials.json"));
    let left: serde_json::Value = serde_json::from_str(&left.unwrap()).unwrap();
    let process = format!("/proc/{}", left["pid"]);
    assert!(Path::new(&process).exists());
    dev.child.kill().unwrap();
    let until = Instant::now() + PATIENCE;
    while Path::new(&process).exists() {
        assert!(Instant::now() < until, "the server is still there");
        std::thread::yield_now();
    }
    let (dev, _) = start(&person, &["app"]);
    kill_process(Pid::from_child(&dev.child), Signal::HUP).unwrap();
}
