function e(e,n,r){return n.script===r?t(e,n.line,n.column):null}function t(e,t,n){let r=e.line(Math.min(Math.max(1,t),e.lines));if(n<1||t<1)return{from:r.from,to:r.to};let i=[...r.text].slice(0,n-1).join(``).length,a=Math.min(r.from+i,r.to);return{from:a,to:a+(/^[\p{L}\p{N}_]+|^./u.exec(r.text.slice(a-r.from))?.[0].length??0)}}function n(e,t){let n=e.lineAt(t);return{line:n.number,column:[...n.text.slice(0,t-n.from)].length+1}}function r(e){return e.includes(`\r
`)&&!/(?:^|[^\r])\n/.test(e)?`\r
`:`
`}function i(e,t){return e.replaceAll(`\r
`,`
`)===t.replaceAll(`\r
`,`
`)}export{i as a,e as i,n,t as r,r as t};