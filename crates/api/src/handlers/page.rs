//! The page at `/` for people: what this process is, what it scrapes, and a box for an expression.

use std::fmt::Write as _;

use axum::extract::State;
use axum::response::Html;

use crate::routes::Api;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #8884;padding:.3rem .6rem;text-align:left}\
input{width:70%;font:14px monospace;padding:.3rem}pre{white-space:pre-wrap;background:#8882;padding:.6rem}\
.down{color:#b00}.up{color:#070}";

/// Relative paths only, so that it works below any prefix.
const SCRIPT: &str = "const form=document.querySelector('form'),out=document.querySelector('pre');\
form.onsubmit=async event=>{event.preventDefault();\
const answer=await fetch('api/v1/query?query='+encodeURIComponent(form.query.value));\
const body=await answer.json();\
out.textContent=body.status==='success'?(body.data.result.map?body.data.result:[body.data.result])\
.map(sample=>JSON.stringify(sample)).join('\\n')||'(empty result)':body.errorType+': '+body.error}";

const LINKS: &[&str] = &[
    "metrics",
    "api/v1/targets",
    "api/v1/labels",
    "api/v1/status/config",
    "api/v1/status/flags",
    "api/v1/status/runtimeinfo",
    "api/v1/status/tsdb",
    "-/ready",
];

pub(crate) async fn home(State(api): State<Api>) -> Html<String> {
    let mut body = String::new();
    write_head(&mut body, &api);
    if let Some(targets) = &api.backends.targets {
        body.push_str("<h2>Targets</h2><table><tr><th>Pool<th>URL<th>Health<th>Labels<th>Error</tr>");
        for target in targets.active(None).await {
            body.push_str("<tr><td>");
            escape(&mut body, &target.scrape_pool);
            body.push_str("<td>");
            escape(&mut body, &target.scrape_url);
            let health = target.health.as_str();
            // Writing to a string cannot fail.
            let _ = write!(body, "<td class={health}>{health}<td>");
            escape(&mut body, &target.labels.to_string());
            body.push_str("<td>");
            escape(&mut body, &target.last_error);
        }
        body.push_str("</table>");
    }
    Html(body)
}

fn write_head(body: &mut String, api: &Api) {
    let info = api.backends.lifecycle.build_info();
    body.push_str("<!doctype html><html lang=en><meta charset=utf-8><title>Vigie</title><style>");
    body.push_str(STYLE);
    body.push_str("</style><h1>Vigie</h1><p>Version ");
    escape(body, &info.version);
    body.push_str(" (");
    escape(body, &info.revision);
    body.push_str(") ");
    escape(body, &api.options.external_url);
    body.push_str("<p>");
    for link in LINKS {
        // Writing to a string cannot fail.
        let _ = write!(body, "<a href=\"{link}\">{link}</a> ");
    }
    if api.backends.query.is_some() {
        body.push_str(
            "<h2>Query</h2><form><input name=query placeholder=Expression autofocus> <button>Run</button></form><pre></pre><script>",
        );
        body.push_str(SCRIPT);
        body.push_str("</script>");
    }
}

fn escape(body: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => body.push_str("&amp;"),
            '<' => body.push_str("&lt;"),
            '>' => body.push_str("&gt;"),
            '"' => body.push_str("&quot;"),
            character => body.push(character),
        }
    }
}
