//! `examples/hello`.

use crate::support::serve;

#[test]
fn it_greets() {
    let server = serve("hello");
    let reply = server.get("/hello?name=Ada").expect(200);
    assert_eq!(reply.text(), "Hello Ada");
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(server.get("/hello").expect(200).text(), "Hello world");
    assert_eq!(server.get("/hello?name=J%C3%BCrgen").text(), "Hello Jürgen");
    server.request("POST", "/hello", &[], "").expect(405);
}
