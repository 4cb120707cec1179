//! A day in which series come and go: what is gone leaves nothing behind.

use super::*;

const MINUTE_MS: i64 = 60_000;
const LIVE: usize = 2_000;
/// Retention runs every ten minutes, so series may be gone for so much longer.
const RETENTION_MS: i64 = 60 * MINUTE_MS;

/// A series as its sender sees it: the number of the pod it is of, and the id it was told.
#[derive(Debug, Clone, Copy)]
struct Target {
    pod: u32,
    id: Option<SeriesId>,
}

fn pod_labels(pod: u32) -> Labels {
    let (job, instance) = (format!("job-{}", pod % 7), format!("pod-{pod}:9100"));
    Labels::from_pairs([
        ("__name__", "requests_total"),
        ("instance", instance.as_str()),
        ("job", job.as_str()),
    ])
    .unwrap()
}

/// A sample of each series: known ones by id, as a distributor does; new ones are declared.
fn scrape(head: &mut Head, targets: &mut [Target], now_ms: i64) {
    let mut encoder = BatchEncoder::new();
    let tenant = encoder.tenant(&tenant(0));
    for target in targets.iter() {
        let value = f64::from(target.pod % 3) * (now_ms / MINUTE_MS) as f64;
        match target.id {
            Some(id) => encoder.push_known(id, now_ms, value),
            None => {
                let series = encoder.declare(tenant, pod_labels(target.pod).as_packed());
                encoder.push_declared(series, now_ms, value);
            }
        }
    }
    let stamped = Stamp {
        proposed_at_ms: now_ms,
        ..Stamp::default()
    };
    let mut entry = encoder.finish();
    stamp(&mut entry, stamped).unwrap();
    let outcome = head.apply(&entry).unwrap();
    assert_eq!(outcome.appended as usize, targets.len(), "{:?}", outcome.rejected);
    let new = targets.iter_mut().filter(|target| target.id.is_none());
    for (target, id) in new.zip(outcome.declared) {
        target.id = Some(id);
    }
}

/// Runs a day of which every ten minutes a tenth of the series, those that `leaves` picks by generation and
/// place, is replaced by new ones. `peers` is how far above a head that never saw anything but
/// the series that are left the memory may be.
fn check(leaves: impl Fn(u32, usize) -> bool, peers: f64) {
    let mut head = Head::new(HeadOptions::new(ShardId(0)));
    let mut targets: Vec<Target> = (0..LIVE as u32).map(|pod| Target { pod, id: None }).collect();
    let mut newest_pod = LIVE as u32;
    let mut newest_id = SeriesId(0);
    let mut most_bytes = Vec::new();
    for minute in (0..24 * 60).step_by(2) {
        let now_ms = 1_000 * RETENTION_MS + minute * MINUTE_MS;
        if minute % 10 == 0 && minute > 0 {
            let generation = (minute / 10) as u32;
            for (place, target) in targets.iter_mut().enumerate() {
                if leaves(generation, place) {
                    *target = Target {
                        pod: newest_pod,
                        id: None,
                    };
                    newest_pod += 1;
                }
            }
            head.apply(&encode_retain(now_ms - RETENTION_MS)).unwrap();
            let image = head.begin_checkpoint();
            head.checkpoint_done(image.token);
        }
        scrape(&mut head, &mut targets, now_ms);
        let newest = targets.iter().filter_map(|target| target.id).max().unwrap();
        assert!(newest >= newest_id, "an id was given twice");
        newest_id = newest;
        if minute % 60 == 0 {
            most_bytes.push(0);
        }
        if let Some(most) = most_bytes.last_mut() {
            *most = head.memory().total_bytes().max(*most);
        }
    }
    // An id and a value of `instance` for each pod that ever was, and none of them left but those kept.
    assert_eq!(newest_id, SeriesId(newest_pod - 1));
    let kept = head.series_count();
    assert!((LIVE..LIVE + LIVE * 8 / 10).contains(&kept), "{kept} series");
    let instances = label_values(&head, "instance", &[], usize::MAX);
    assert_eq!(instances.len(), kept);
    assert_eq!(head.stats(&tenant(0), 0).label_pair_count as usize, kept + 7 + 1);

    let day = &most_bytes[4..];
    let (early, late) = (
        day[..4].iter().max().unwrap(),
        day[day.len() - 4..].iter().max().unwrap(),
    );
    assert!(
        *late as f64 <= *early as f64 * 1.05,
        "bytes by hour: {most_bytes:?}"
    );

    // A restart keeps what is alive and nothing else.
    let mut fresh = Head::new(HeadOptions::new(ShardId(0)));
    let mut alive: Vec<Target> = instances
        .iter()
        .map(|instance| Target {
            pod: instance["pod-".len()..instance.len() - ":9100".len()]
                .parse()
                .unwrap(),
            id: None,
        })
        .collect();
    for minute in 0..30 {
        scrape(
            &mut fresh,
            &mut alive,
            3_000 * RETENTION_MS + minute * 2 * MINUTE_MS,
        );
    }
    let (churned, fresh) = (head.memory(), fresh.memory());
    let ratio = churned.total_bytes() as f64 / fresh.total_bytes() as f64;
    assert!(
        ratio <= peers,
        "{ratio}: {churned:?} after a day, {fresh:?} of the same series"
    );
}

#[test]
fn series_that_leave_together_leave_nothing_behind() {
    check(
        |generation, place| place / (LIVE / 10) == generation as usize % 10,
        1.5,
    );
}

#[test]
fn series_that_leave_one_here_one_there_leave_nothing_behind() {
    check(
        |generation, place| {
            let mixed = ((place as u64) << 16 | u64::from(generation)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed >> 40).is_multiple_of(10)
        },
        1.5,
    );
}
