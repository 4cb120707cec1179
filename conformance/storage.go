package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage"
)

// errWriteOnly is what reading gives: the engine asks Vigie, not the storage.
var errWriteOnly = errors.New("this storage is read by the engine only")

// tenantStorage is a tenant of Vigie, new and therefore empty.
type tenantStorage struct {
	url    string
	tenant string
}

func (s *tenantStorage) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &appender{ctx: ctx, storage: s, symbols: writev2.NewSymbolTable()}
}

func (*tenantStorage) Appender(context.Context) storage.Appender {
	panic("the harness appends through AppenderV2")
}

func (*tenantStorage) Querier(int64, int64) (storage.Querier, error) { return nil, errWriteOnly }

func (*tenantStorage) ChunkQuerier(int64, int64) (storage.ChunkQuerier, error) {
	return nil, errWriteOnly
}

func (*tenantStorage) StartTime() (int64, error) { return 0, errWriteOnly }

func (*tenantStorage) Close() error { return nil }

// appender collects samples and sends them as one request of remote write 2.0.
type appender struct {
	ctx        context.Context
	storage    *tenantStorage
	symbols    writev2.SymbolsTable
	series     []writev2.TimeSeries
	samples    int
	histograms int
}

func (a *appender) Append(
	_ storage.SeriesRef, ls labels.Labels, st, t int64, v float64,
	h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AppendV2Options,
) (storage.SeriesRef, error) {
	if len(opts.Exemplars) > 0 {
		return 0, errors.New("exemplars are not sent on")
	}
	refs := a.symbols.SymbolizeLabels(ls, nil)
	switch {
	case fh != nil:
		series := a.run(refs, true)
		series.Histograms = append(series.Histograms, writev2.FromFloatHistogram(st, t, fh))
		a.histograms++
	case h != nil:
		series := a.run(refs, true)
		series.Histograms = append(series.Histograms, writev2.FromIntHistogram(st, t, h))
		a.histograms++
	default:
		series := a.run(refs, false)
		series.Samples = append(series.Samples, writev2.Sample{Value: v, Timestamp: t, StartTimestamp: st})
		a.samples++
	}
	return 1, nil
}

// run is the message that the next sample goes into: the last one if it is of the same series and kind, as a message
// has either floats or histograms and order is to be kept.
func (a *appender) run(refs []uint32, histograms bool) *writev2.TimeSeries {
	if n := len(a.series); n > 0 {
		last := &a.series[n-1]
		if slices.Equal(last.LabelsRefs, refs) && (len(last.Histograms) > 0) == histograms {
			return last
		}
	}
	a.series = append(a.series, writev2.TimeSeries{LabelsRefs: refs})
	return &a.series[len(a.series)-1]
}

// Commit returns when Vigie has acknowledged every sample.
func (a *appender) Commit() error {
	if len(a.series) == 0 {
		return nil
	}
	request := writev2.Request{Symbols: a.symbols.Symbols(), Timeseries: a.series}
	body, err := request.Marshal()
	if err != nil {
		return fmt.Errorf("marshal a write request: %w", err)
	}
	post, err := http.NewRequestWithContext(
		a.ctx, http.MethodPost, a.storage.url, bytes.NewReader(snappy.Encode(nil, body)))
	if err != nil {
		return fmt.Errorf("make a write request: %w", err)
	}
	post.Header.Set("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")
	post.Header.Set("Content-Encoding", "snappy")
	post.Header.Set("X-Prometheus-Remote-Write-Version", "2.0.0")
	post.Header.Set("X-Scope-OrgID", a.storage.tenant)
	answer, err := http.DefaultClient.Do(post)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read the answer to a write: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("write: %s: %s", answer.Status, bytes.TrimSpace(text))
	}
	if err := written(answer.Header, "Samples", a.samples); err != nil {
		return err
	}
	return written(answer.Header, "Histograms", a.histograms)
}

func written(header http.Header, what string, sent int) error {
	name := "X-Prometheus-Remote-Write-" + what + "-Written"
	if text := header.Get(name); text != strconv.Itoa(sent) {
		return fmt.Errorf("%d %s were sent, and %s is %q", sent, what, name, text)
	}
	return nil
}

func (a *appender) Rollback() error {
	a.series = nil
	return nil
}
