-- A small order, as a client posts it.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["User-Agent"] = "wrk"
wrk.body = '{"customer":"Ada","items":[{"sku":"A-1","quantity":2,"price":9.5},' ..
  '{"sku":"B-2","quantity":1,"price":20.25},{"sku":"C-3","quantity":12,"price":0.75}]}'
