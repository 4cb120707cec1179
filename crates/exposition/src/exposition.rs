//! An exposition in any format.

use crate::classic_series::ClassicConverter;
use crate::start_times::StartTimes;
use crate::{Entry, Format, ParseError, Parser, ProtobufError, ProtobufParser};

/// What to make of an exposition where there is a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpositionOptions {
    /// Native histograms are read. Without, one that has classic buckets too is a classic one.
    pub native: bool,
    /// The series of a classic histogram are given beside a native one, be it exposed or converted.
    pub keep_classic: bool,
    /// Classic histograms become native ones with custom buckets.
    pub convert_classic: bool,
    /// `_created` lines of OpenMetrics become start timestamps of other series; otherwise they are
    /// series. Start timestamps in protobuf are always read.
    pub start_timestamps: bool,
}

/// The input is not in its format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpositionError {
    #[error(transparent)]
    Text(#[from] ParseError),
    #[error(transparent)]
    Protobuf(#[from] ProtobufError),
}

/// Reads entries out of a buffer in any format.
#[derive(Debug)]
pub struct Exposition<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Text(Parser<'a>),
    WithStarts(StartTimes<'a>),
    Converting(Box<ClassicConverter<'a>>),
    Protobuf(Box<ProtobufParser<'a>>),
}

impl<'a> Exposition<'a> {
    pub fn new(format: Format, input: &'a [u8], options: ExpositionOptions) -> Exposition<'a> {
        let parser = match format {
            Format::Text => Parser::text(input),
            Format::OpenMetrics => Parser::open_metrics(input),
            Format::Protobuf => {
                return Exposition(Source::Protobuf(Box::new(ProtobufParser::new(input, options))));
            }
        };
        let reads_starts = options.start_timestamps && format == Format::OpenMetrics;
        Exposition(if options.convert_classic {
            let entries = StartTimes::new(parser, reads_starts);
            Source::Converting(Box::new(ClassicConverter::new(entries, options.keep_classic)))
        } else if reads_starts {
            Source::WithStarts(StartTimes::new(parser, true))
        } else {
            Source::Text(parser)
        })
    }

    /// The next entry. After an error or the end there is nothing more.
    #[expect(clippy::should_implement_trait, reason = "the entry borrows from the reader")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, ExpositionError> {
        match &mut self.0 {
            Source::Text(parser) => Ok(parser.next()?),
            Source::WithStarts(parser) => Ok(parser.next()?),
            Source::Converting(parser) => Ok(parser.next()?),
            Source::Protobuf(parser) => Ok(parser.next()?),
        }
    }
}
