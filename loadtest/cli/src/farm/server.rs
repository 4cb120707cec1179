use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use vigie_workload::Workload;

use super::config::{service_discovery, target_of};
use super::pages::Pages;

/// The name that marks the farm's thread in the kernel's accounts; at most 15 bytes.
const THREAD_NAME: &str = "lt-farm";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The HTTP server of a farm, on a thread of its own; ends when dropped.
#[derive(Debug)]
pub struct Farm {
    pages: Arc<Pages>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Farm {
    /// Listens on `address`, with port 0 for a free one. Targets answer 503 until [`Pages::set_open`]. `keeps` is for
    /// [`super::FarmTarget::shown`], and only for a farm that has an end.
    pub fn start(workload: &Workload, address: SocketAddr, keeps: bool) -> Result<Self> {
        let pages = Arc::new(Pages::new(workload, keeps)?);
        let listener =
            std::net::TcpListener::bind(address).with_context(|| format!("listen on {address}"))?;
        listener
            .set_nonblocking(true)
            .context("listen without blocking")?;
        let address = listener.local_addr().context("find the farm's address")?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new().name(THREAD_NAME.to_owned()).spawn({
            let pages = Arc::clone(&pages);
            move || serve(listener, &pages, address, stopped)
        });
        Ok(Self {
            pages,
            address,
            stop,
            thread: Some(thread.context("start the farm's thread")?),
        })
    }

    pub fn pages(&self) -> &Pages {
        &self.pages
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What discovers its targets, for `file_sd_configs` and `http_sd_configs`.
    pub fn service_discovery(&self) -> Result<String> {
        service_discovery(&self.pages, self.address).context("write down the targets")
    }

    /// An error if the server has ended.
    pub fn check_running(&self) -> Result<()> {
        match &self.thread {
            Some(thread) if !thread.is_finished() => Ok(()),
            _ => Err(anyhow!("the farm has ended")),
        }
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // Its error, if it had one, has met `check_running`.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// One thread is enough for a hundred thousand pages a minute, and leaves the cores to the scraper.
fn serve(
    listener: std::net::TcpListener,
    pages: &Arc<Pages>,
    address: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("build the farm's runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).context("listen")?;
        loop {
            // Stop first: a scraper that connects again and again cannot keep the farm alive.
            let stream = tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => return Ok(()),
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    // The peer has gone again, or descriptors are short for a moment.
                    Err(_) => {
                        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                        continue;
                    }
                },
            };
            let pages = Arc::clone(pages);
            // Ends with its connection, or with the runtime.
            tokio::spawn(async move {
                let answer_one = service_fn(move |request| {
                    let answer = answer(&pages, address, &request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer_one);
                let _ = connection.await;
            });
        }
    })
}

fn answer(pages: &Pages, address: SocketAddr, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if let Some(target) = target_of(path).filter(|target| *target < pages.targets().len()) {
        return match pages.show(target) {
            Some(page) => respond(StatusCode::OK, EXPOSITION, page),
            None => respond(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "closed\n".into()),
        };
    }
    match path {
        "/sd" => match service_discovery(pages, address) {
            Ok(json) => respond(StatusCode::OK, "application/json", json.into()),
            Err(error) => respond(
                StatusCode::INTERNAL_SERVER_ERROR,
                "text/plain",
                error.to_string().into(),
            ),
        },
        _ => respond(
            StatusCode::NOT_FOUND,
            "text/plain",
            "targets are listed under /sd, for http_sd_configs\n".into(),
        ),
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(content_type),
    );
    response
}
