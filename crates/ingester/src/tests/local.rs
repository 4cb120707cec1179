//! What a reader of the same process gets directly, and when it has to take the stream.

use vigie_proto::LocalIngester as _;

use super::*;

async fn streamed(ingester: &Ingester, tenant: &str, end_ms: i64) -> Vec<v1::SeriesChunks> {
    let request = v1::SelectRequest {
        tenant: tenant.to_owned(),
        matchers: matchers_to_wire(&[Matcher::equal("__name__", "m")]),
        start_ms: START_MS,
        end_ms,
        ..Default::default()
    };
    let mut stream = ingester.select(Request::new(request)).await.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(message) = stream.next().await {
        all.extend(message.unwrap().series);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_series_are_those_of_the_stream() {
    let directory = tempfile::tempdir().unwrap();
    let end_ms = START_MS + 3 * HOUR_MS;
    let ingester = open(directory.path(), end_ms).await;
    write(&ingester, 0..3, 0).await;
    let matchers = [Matcher::equal("__name__", "m")];
    for tenant in TENANTS {
        let few = ingester.select_few(&TenantId::new(tenant).unwrap(), &matchers, START_MS, end_ms);
        let few = few.unwrap().unwrap();
        assert_eq!(few.len(), SERIES as usize);
        assert_eq!(few, streamed(&ingester, tenant, end_ms).await);
    }
    let nothing = [Matcher::equal("__name__", "other")];
    let none = ingester.select_few(&TenantId::new("one").unwrap(), &nothing, START_MS, end_ms);
    assert_eq!(none.unwrap(), Some(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_series_are_left_to_the_stream() {
    let directory = tempfile::tempdir().unwrap();
    let ingester = open(directory.path(), START_MS).await;
    let name = TenantId::new("one").unwrap();
    let mut encoder = BatchEncoder::new();
    let tenant = encoder.tenant(&name);
    for series in 0..2000 {
        let labels = Labels::from_pairs([("__name__", "m"), ("series", &series.to_string())]).unwrap();
        let declared = encoder.declare(tenant, labels.as_packed());
        encoder.push_declared(declared, START_MS, 1.0);
    }
    let request = v1::PushRequest {
        shard: 0,
        batch: Bytes::from(encoder.finish()),
    };
    ingester.push(Request::new(request)).await.unwrap();
    let select = |pattern: &str| {
        let series = Matcher::new(vigie_model::MatchOp::Regex, "series", pattern).unwrap();
        ingester.select_few(&name, &[series], START_MS, START_MS).unwrap()
    };
    assert_eq!(select(".+"), None);
    assert_eq!(select("1..").map(|series| series.len()), Some(100));
}
