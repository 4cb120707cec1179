//! Calendar fields of Unix times, in UTC.

use crate::plan::CalendarField;

const SECONDS_PER_DAY: i64 = 86_400;

/// From the first day that Go's `time` package can name, a first of March some 292 thousand million
/// years ago, to the epoch.
const DAYS_BEFORE_EPOCH: i64 = 292_277_022_400 / 400 * 146_097 + 306 + 719_162;

/// A date of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: i64,
    /// 1 to 12.
    month: i64,
    /// 1 to 31.
    day: i64,
}

impl Date {
    /// By counting years from March, so that the leap day is the last of its year
    /// (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    fn from_days(days_since_epoch: i64) -> Date {
        let shifted = days_since_epoch + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        Date {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        }
    }

    fn is_leap_year(self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn days_in_month(self) -> i64 {
        match self.month {
            2 if self.is_leap_year() => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(self) -> i64 {
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let leap_day = i64::from(self.month > 2 && self.is_leap_year());
        before[(self.month - 1) as usize] + self.day + leap_day
    }
}

pub(crate) fn calendar_field(field: CalendarField, unix_seconds: f64) -> f64 {
    // Out of range and NaN become what the processor's conversion gives Go.
    let seconds = if (-9.3e18..9.2e18).contains(&unix_seconds) {
        unix_seconds as i64
    } else {
        i64::MIN
    };
    // Go counts unsigned from its first day, so a time before that wraps around to the far end.
    let absolute = (DAYS_BEFORE_EPOCH * SECONDS_PER_DAY).wrapping_add(seconds) as u64;
    let days = (absolute / SECONDS_PER_DAY as u64) as i64 - DAYS_BEFORE_EPOCH;
    let second_of_day = (absolute % SECONDS_PER_DAY as u64) as i64;
    let date = Date::from_days(days);
    let field = match field {
        CalendarField::DaysInMonth => date.days_in_month(),
        CalendarField::DayOfMonth => date.day,
        // The epoch was a Thursday; Sunday is 0.
        CalendarField::DayOfWeek => (days + 4).rem_euclid(7),
        CalendarField::DayOfYear => date.day_of_year(),
        CalendarField::Hour => second_of_day / 3_600,
        CalendarField::Minute => second_of_day / 60 % 60,
        CalendarField::Month => date.month,
        CalendarField::Year => date.year,
    };
    field as f64
}

/// `2006-01-02T15:04:05Z`
pub(crate) fn format_rfc3339(time_ms: i64) -> String {
    let seconds = time_ms / 1000;
    let date = Date::from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year,
        date.month,
        date.day,
        second_of_day / 3_600,
        second_of_day / 60 % 60,
        second_of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_gregorian_calendar() {
        for (days, year, month, day, day_of_year) in [
            (0, 1970, 1, 1, 1),
            (-1, 1969, 12, 31, 365),
            (59, 1970, 3, 1, 60),
            (11_016, 2000, 2, 29, 60),
            (11_322, 2000, 12, 31, 366),
            (-719_162, 1, 1, 1, 1),
            (47_540, 2100, 2, 28, 59),
            (47_541, 2100, 3, 1, 60),
        ] {
            let date = Date::from_days(days);
            assert_eq!(date, Date { year, month, day }, "{days}");
            assert_eq!(date.day_of_year(), day_of_year, "{days}");
        }
        assert_eq!(format_rfc3339(951_827_696_000), "2000-02-29T12:34:56Z");
    }

    /// What Prometheus 3.14 answers for these values.
    #[test]
    fn nonsense_times_have_the_fields_go_gives_them() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -9.3e18] {
            for (field, expected) in [
                (CalendarField::Year, 292_277_026_596.0),
                (CalendarField::Month, 12.0),
                (CalendarField::DayOfMonth, 4.0),
                (CalendarField::Hour, 15.0),
                (CalendarField::Minute, 30.0),
            ] {
                assert_eq!(calendar_field(field, value), expected, "{field:?} of {value}");
            }
        }
    }

    #[test]
    fn times_before_the_epoch_keep_their_fields() {
        for (field, expected) in [
            (CalendarField::Year, 1969.0),
            (CalendarField::Month, 12.0),
            (CalendarField::Hour, 23.0),
            (CalendarField::DayOfWeek, 3.0),
        ] {
            assert_eq!(calendar_field(field, -1.0), expected, "{field:?}");
        }
    }
}
