//! What a page tries on another origin.

/// One attempt.
pub(crate) struct Attack {
    /// What it is.
    pub(crate) name: &'static str,
    /// Whether it succeeds by reading; otherwise by changing something.
    pub(crate) reads: bool,
    /// The body of an async function over `target`, an origin, and `name`. What it returns was
    /// read; an error is nothing. `soon(promise)` gives up where nothing is told; `late()` waits
    /// for what may still be stopped.
    pub(crate) script: &'static str,
}

const fn reads(name: &'static str, script: &'static str) -> Attack {
    Attack {
        name,
        reads: true,
        script,
    }
}

const fn changes(name: &'static str, script: &'static str) -> Attack {
    Attack {
        name,
        reads: false,
        script,
    }
}

/// Every attempt. A change carries its name in the query, so that who receives it can tell.
pub(crate) const ATTACKS: &[Attack] = &[
    reads(
        "fetch",
        "const r = await fetch(target + '/api/v1/me', {credentials: 'include'});
        return await r.text();",
    ),
    reads(
        "fetch-without-credentials",
        "return await (await fetch(target + '/api/v1/setup')).text();",
    ),
    reads(
        "request-object",
        "const x = new XMLHttpRequest(); x.withCredentials = true;
        x.open('GET', target + '/api/v1/apps', false); x.send(); return x.responseText;",
    ),
    reads(
        "image",
        "const image = new Image();
        const loaded = new Promise(r => { image.onload = () => r('loaded'); image.onerror = () => r(''); });
        image.src = target + '/image.svg?/api/v1/me'; return await loaded;",
    ),
    reads(
        "script",
        "const tag = document.createElement('script'); window.told = '';
        const loaded = new Promise(r => { tag.onload = () => r('loaded'); tag.onerror = () => r(''); });
        tag.src = target + '/api/v1/openapi.json'; document.head.append(tag); return await loaded;",
    ),
    reads(
        "style",
        "const tag = document.createElement('link'); tag.rel = 'stylesheet';
        const loaded = new Promise(r => { tag.onload = () => r('loaded'); tag.onerror = () => r(''); });
        tag.href = target + '/style.css'; document.head.append(tag); return await loaded;",
    ),
    reads(
        "frame",
        "const frame = document.createElement('iframe');
        const told = new Promise(r => addEventListener('message', e => r(e.data)));
        const loaded = new Promise(r => frame.onload = r);
        frame.src = target + '/'; document.body.append(frame); await soon(loaded);
        if (frame.contentDocument) return 'its document';
        frame.contentWindow.postMessage('tell', '*');
        return await soon(told);",
    ),
    reads(
        "object",
        "const object = document.createElement('object');
        const loaded = new Promise(r => { object.onload = () => r('loaded'); object.onerror = () => r(''); });
        object.data = target + '/'; document.body.append(object); return await soon(loaded);",
    ),
    reads(
        "window",
        "const opened = window.open(target + '/');
        await late(() => !opened || opened.closed);
        const held = opened && !opened.closed ? 'holds it' : '';
        if (opened) opened.close(); return held;",
    ),
    reads(
        "worker",
        "await navigator.serviceWorker.register('/worker.js');
        const active = (await navigator.serviceWorker.ready).active;
        const told = new Promise(r => navigator.serviceWorker.onmessage = e => r(e.data));
        active.postMessage(target + '/api/v1/me'); return await told;",
    ),
    changes(
        "post",
        "await fetch(target + '/api/v1/apps?' + name, {method: 'POST', credentials: 'include',
            headers: {'content-type': 'application/json'}, body: '{\"name\": \"stolen\"}'});",
    ),
    changes(
        "post-unseen",
        "await fetch(target + '/api/v1/apps?' + name, {method: 'POST', credentials: 'include',
            mode: 'no-cors', body: '{\"name\": \"stolen\"}'});",
    ),
    changes(
        "token",
        "await fetch(target + '/api/v1/tokens?' + name, {method: 'POST', credentials: 'include',
            mode: 'no-cors', body: '{\"name\": \"stolen\", \"scopes\": [\"admin\"]}'});",
    ),
    changes(
        "beacon",
        "navigator.sendBeacon(target + '/api/v1/apps?' + name, '{\"name\": \"stolen\"}');",
    ),
    changes(
        "delete",
        "await fetch(target + '/api/v1/apps/shop?' + name, {method: 'DELETE', credentials: 'include'});",
    ),
    changes(
        "sign-out",
        "await fetch(target + '/api/v1/sessions/current?' + name,
            {method: 'DELETE', credentials: 'include'});",
    ),
    changes(
        "form-in-a-frame",
        "const frame = document.createElement('iframe'); frame.name = 'inside';
        document.body.append(frame);
        const form = document.createElement('form');
        form.method = 'post'; form.enctype = 'text/plain'; form.target = 'inside';
        form.action = target + '/api/v1/apps?' + name;
        const field = document.createElement('input');
        field.name = '{\"name\": \"stolen\", \"x\": \"'; field.value = '\"}';
        form.append(field); document.body.append(form);
        const loaded = new Promise(r => frame.onload = r); form.submit(); await soon(loaded);",
    ),
    changes(
        "form-in-a-window",
        "window.open('about:blank', 'beside');
        const form = document.createElement('form');
        form.method = 'post'; form.target = 'beside'; form.action = target + '/api/v1/apps?' + name;
        const field = document.createElement('input'); field.name = 'name'; field.value = 'stolen';
        form.append(field); document.body.append(form); form.submit();",
    ),
];
