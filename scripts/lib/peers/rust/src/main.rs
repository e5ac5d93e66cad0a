// hyper's server and pooled client on one thread of tokio.
use futures_util::future::join_all;
use hyper::{body, client::HttpConnector, service::{make_service_fn, service_fn}, Body, Client, Request, Response, Server, Uri};
use std::{convert::Infallible, time::Duration};

async fn fetch(client: &Client<HttpConnector>, uri: Uri) -> Result<body::Bytes, ()> {
    let answer = tokio::time::timeout(Duration::from_secs(2), client.get(uri)).await.map_err(|_| ())?.map_err(|_| ())?;
    if answer.status() != 200 { return Err(()); }
    body::to_bytes(answer.into_body()).await.map_err(|_| ())
}

async fn handle(request: Request<Body>, client: Client<HttpConnector>, uri: Uri) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    if path == "/hello" {
        return Ok(Response::builder().header("content-type", "text/plain").body(Body::from("Hello, World!")).unwrap());
    }
    let count: usize = path.strip_prefix("/gather").and_then(|n| n.parse().ok()).unwrap_or(0);
    if count == 0 { return Ok(Response::builder().status(404).body(Body::empty()).unwrap()); }
    let parts = join_all((0..count).map(|_| fetch(&client, uri.clone()))).await;
    let mut out = Vec::with_capacity(count * 1100);
    out.push(b'{');
    for (i, part) in parts.into_iter().enumerate() {
        let Ok(part) = part else { return Ok(Response::builder().status(502).body(Body::empty()).unwrap()) };
        if i > 0 { out.push(b','); }
        out.extend_from_slice(format!("\"k{i}\":").as_bytes());
        out.extend_from_slice(&part);
    }
    out.push(b'}');
    Ok(Response::builder().header("content-type", "application/json").body(Body::from(out)).unwrap())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let upstream = std::env::var("UPSTREAM_PORT").unwrap_or_else(|_| "9001".into());
    let uri: Uri = format!("http://127.0.0.1:{upstream}/u/1KB").parse().unwrap();
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder().pool_max_idle_per_host(4096).build::<_, Body>(connector);
    let make = make_service_fn(move |_| {
        let (client, uri) = (client.clone(), uri.clone());
        async move { Ok::<_, Infallible>(service_fn(move |r| handle(r, client.clone(), uri.clone()))) }
    });
    Server::bind(&([127, 0, 0, 1], port).into()).tcp_nodelay(true).serve(make).await.unwrap();
}
